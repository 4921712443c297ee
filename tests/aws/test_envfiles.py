"""Files in the application's bucket, with an emulator of S3."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest

from copilot.aws.client import Aws
from copilot.aws.envfiles import ArtifactBucket, addons_key, env_file_key, upload_addons_template, upload_env_files
from copilot.errors import CopilotError

BUCKET = "stackset-shop-infrastruc-pipelinebuiltartifactbuc-abc"


@pytest.fixture
def bucket(aws: Aws) -> ArtifactBucket:
    aws.s3.create_bucket(Bucket=BUCKET)
    return ArtifactBucket(aws, BUCKET)


def keys(bucket: ArtifactBucket) -> list[str]:
    return [content["Key"] for content in bucket.aws.s3.list_objects_v2(Bucket=bucket.name).get("Contents", [])]


def test_files_are_where_their_content_says(bucket: ArtifactBucket, tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "prod.env").write_text("A=1\n")
    (tmp_path / "proxy.env").write_text("B=2\n")
    files = {"api": "api/prod.env", "proxy": "./proxy.env", "second": "proxy.env"}
    arns = upload_env_files(bucket, tmp_path, files)
    one = f"manual/env-files/api/prod.env/{sha256(b'A=1' + bytes([10])).hexdigest()}.env"
    assert arns["api"] == f"arn:aws:s3:::{BUCKET}/{one}"
    assert arns["proxy"] == arns["second"]
    assert one in keys(bucket)
    assert len(keys(bucket)) == 2
    assert bucket.aws.s3.get_object(Bucket=BUCKET, Key=one)["Body"].read() == b"A=1\n"
    # The same again changes nothing; another content is another file.
    assert upload_env_files(bucket, tmp_path, files) == arns
    (tmp_path / "proxy.env").write_text("B=3\n")
    assert upload_env_files(bucket, tmp_path, files)["proxy"] != arns["proxy"]
    assert len(keys(bucket)) == 3


def test_templates_of_addons(bucket: ArtifactBucket) -> None:
    url = upload_addons_template(bucket, "api", "Resources: {}\n")
    key = addons_key("api", b"Resources: {}\n")
    assert url == f"https://{BUCKET}.s3.us-east-1.amazonaws.com/{key}"
    assert keys(bucket) == [key]


def test_addresses_in_china(aws: Aws) -> None:
    bucket = ArtifactBucket(aws.in_region("cn-north-1"), "b")
    assert bucket.arn("k") == "arn:aws-cn:s3:::b/k"
    assert bucket.url("k") == "https://b.s3.cn-north-1.amazonaws.com.cn/k"


def test_what_is_not_there(bucket: ArtifactBucket, tmp_path: Path) -> None:
    with pytest.raises(CopilotError, match=r"`none\.env` cannot be read: No such file"):
        upload_env_files(bucket, tmp_path, {"api": "none.env"})
    missing = ArtifactBucket(bucket.aws, "not-there")
    with pytest.raises(CopilotError, match=r"AWS refused PutObject \(NoSuchBucket\)"):
        upload_addons_template(missing, "api", "")


def test_paths_are_written_in_one_way() -> None:
    assert env_file_key("./a//b.env", b"x") == env_file_key("a/b.env", b"x")
