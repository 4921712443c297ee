"""Services and jobs with every option of their manifests, in every kind of environment.

An option is part of a manifest as plain data. Those of one factor exclude each other; those of several are merged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from copilot.aws.templates.workload.settings import Addons, EnvironmentFacts, WorkloadSettings
from copilot.manifest.loader import SourceText
from copilot.manifest.workload import parse_workload
from tests.aws.templates.matrix.covering import covering

ACCOUNT = "123456789012"
REGISTRY = f"{ACCOUNT}.dkr.ecr.us-west-2.amazonaws.com/my-app"
DIGEST = f"sha256:{'0123456789abcdef' * 4}"
KEY = f"arn:aws:kms:us-west-2:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
ENV_FILE = "arn:aws:s3:::stackset-my-app-infrastruc-pipelinebuiltartifactbuc-1a2b3c4d5e6f/manual/env-files"

FACTS = EnvironmentFacts(account=ACCOUNT, region="us-west-2")
ENVIRONMENTS: Mapping[str, EnvironmentFacts] = {
    "plain": FACTS,
    "domain": replace(FACTS, domain="example.com"),
    "original": replace(FACTS, domain="example.com", makes_aliases=True),
    "certificates": replace(FACTS, public_certificates=True, private_certificates=True),
    "both": replace(FACTS, domain="example.com", public_certificates=True),
    "gov": replace(FACTS, partition="aws-us-gov", region="us-gov-west-1"),
}

Part = Mapping[str, Any]
Options = Mapping[str, Part]

_PORT: Part = {"image": {"location": "nginx", "port": 8080}}
HEADS: Mapping[str, Part] = {
    "web": {"name": "fe", "type": "Load Balanced Web Service", **_PORT},
    "backend": {"name": "api", "type": "Backend Service", **_PORT},
    "portless": {"name": "api", "type": "Backend Service", "image": {"location": "nginx"}},
    "worker": {"name": "dog-worker", "type": "Worker Service", "image": {"location": "nginx"}},
    "job": {"name": "report", "type": "Scheduled Job", "image": {"location": "nginx"}},
}

_ALIAS = {"name": "a.test.my-app.example.com", "hosted_zone": "Z123"}
HTTP: Options = {
    "root": {"http": {"path": "/"}},
    "path": {"http": {"path": "api/v1", "stickiness": True, "version": "http2", "deregistration_delay": "1s"}},
    "rules": {
        "http": {"path": "x", "additional_rules": [{"path": "/y/z", "target_port": 443}, {"path": "/", "stickiness": True}]}
    },
    "checks": {
        "http": {
            "path": "/",
            "healthcheck": {
                "path": "/up",
                "port": 443,
                "success_codes": "200,301",
                "healthy_threshold": 3,
                "unhealthy_threshold": 4,
                "interval": "5s",
                "timeout": "2s",
                "grace_period": "1m",
            },
        }
    },
    "sources": {"http": {"path": "x", "allowed_source_ips": ["192.0.2.0/24"]}},
    "sidecar": {
        "http": {"path": "/", "target_container": "front"},
        "sidecars": {"front": {"image": "envoy", "port": 9000, "essential": True}},
    },
}
ALIASED: Options = {
    "zones": {"http": {"path": "/", "alias": [_ALIAS, "b.test.my-app.example.com"], "hosted_zone": "Z456"}},
    "unwritten": {
        "http": {
            "path": "x",
            "alias": "a.test.my-app.example.com",
            "redirect_to_https": False,
            "allowed_source_ips": ["192.0.2.1/32"],
        }
    },
    "grpc": {
        "http": {"path": "/", "alias": "*.test.my-app.example.com", "version": "grpc", "healthcheck": {"success_codes": "0-12"}}
    },
    "rules": {
        "http": {
            "path": "/",
            "alias": "a.test.my-app.example.com",
            "additional_rules": [{"path": "b", "alias": [_ALIAS], "target_port": 8443}],
        }
    },
}
_BELOW = "test.my-app.example.com"
NAMED_BELOW: Options = {
    "below": {"http": {"path": "/", "alias": [f"shop.{_BELOW}", f"fe.{_BELOW}", _BELOW]}},
    "any": {"http": {"path": "/", "alias": [f"*.{_BELOW}"], "additional_rules": [{"path": "x", "alias": f"x.{_BELOW}"}]}},
    "elsewhere": {"http": {"path": "/", "alias": [{"name": f"shop.{_BELOW}", "hosted_zone": "Z123"}]}},
}
PLACEMENT: Options = {
    "public": {},
    "private": {"network": {"vpc": {"placement": "private"}}},
    "named": {
        "network": {
            "vpc": {
                "placement": {"subnets": ["subnet-01234567"]},
                "security_groups": {"groups": ["sg-01234567"], "deny_default": True},
            }
        }
    },
    "groups": {"network": {"vpc": {"security_groups": ["sg-01234567", {"from_cfn": "group"}]}}},
}
CONNECT: Options = {"": {}, "client": {"network": {"connect": True}}, "alias": {"network": {"connect": {"alias": "cart"}}}}
SCALED: Part = {"range": {"min": 1, "max": 10, "spot_from": 3}, "cooldown": {"in": "1m", "out": "10s"}}
COUNT: Options = {
    "one": {},
    "spot": {"count": {"spot": 3}},
    "cpu": {"count": {**SCALED, "cpu_percentage": 70, "memory_percentage": {"value": 60, "cooldown": {"in": "0s"}}}},
}
BALANCED: Options = {"requests": {"count": {"range": "2-5", "requests": 100, "response_time": "500ms"}}}
QUEUED: Options = {
    "queue": {"count": {"range": "0-10", "queue_delay": {"acceptable_latency": "15m", "msg_processing_time": "1s"}}}
}
DEPLOYMENT: Options = {
    "default": {},
    "recreate": {"deployment": {"rolling": "recreate", "rollback_alarms": ["Errors"]}},
    "alarms": {"deployment": {"rollback_alarms": {"cpu_utilization": 70.5, "memory_utilization": 80}}},
}
DELAYED: Options = {"delayed": {"deployment": {"rollback_alarms": {"messages_delayed": 5}}}}
CONTAINERS: Options = {
    "alone": {},
    "sidecars": {
        "image": {"depends_on": {"nginx": "healthy", "setup": "success"}},
        "env_file": "app.env",
        "sidecars": {
            "nginx": {
                "image": f"{REGISTRY}/nginx:1",
                "port": "53/udp",
                "env_file": "nginx.env",
                "variables": {"A": "b"},
                "secrets": {"TOKEN": "/copilot/my-app/test/secrets/token"},
                "healthcheck": {"command": "curl -f http://localhost || exit 1"},
                "credentialsParameter": "registry-password",
            },
            "setup": {
                "image": {"build": "setup/Dockerfile"},
                "essential": False,
                "command": ["echo", "x"],
                "entrypoint": "/run -v",
            },
        },
    },
    "router": {
        "logging": {
            "retention": 7,
            "destination": {"Name": "cloudwatch", "region": "us-west-2", "log_group_name": "elsewhere"},
            "secretOptions": {"key": "LOG_KEY"},
            "configFilePath": "/extra.conf",
        }
    },
    "checked": {
        "image": {"healthcheck": {"command": ["CMD-SHELL", "true"], "interval": "5s", "start_period": "10s", "retries": 3}},
        "entrypoint": ["/bin/app"],
        "command": "serve --all",
        "exec": True,
    },
}
STORAGE: Options = {
    "none": {},
    "managed": {
        "storage": {"volumes": {"own": {"path": "/own", "efs": True, "read_only": False}, "kept": {"path": "/kept"}}},
        "sidecars": {"reader": {"image": "busybox", "mount_points": [{"source_volume": "own", "path": "/data"}]}},
    },
    "owner": {"storage": {"volumes": {"own": {"path": "/own", "efs": {"uid": 1000, "gid": 0}}}, "readonly_fs": True}},
    "existing": {
        "storage": {
            "ephemeral": 100,
            "volumes": {
                "point": {"path": "/a", "efs": {"id": "fs-01234567", "auth": {"access_point_id": "fsap-0123456789abcdef0"}}},
                "asked": {"path": "/b", "read_only": False, "efs": {"id": "fs-01234567", "auth": {"iam": True}}},
                "folder": {"path": "/c", "efs": {"id": {"from_cfn": "file-system"}, "root_dir": "/c"}},
            },
        }
    },
}
DATA: Options = {
    "none": {},
    "all": {
        "variables": {"LEVEL": "info", "TABLE": {"from_cfn": "table"}, "COUNT": 3},
        "secrets": {
            "NAMED": "GITHUB_TOKEN",
            "PATH": "/copilot/my-app/test/secrets/db",
            "VERSION": "db:3",
            "PARAMETER": f"arn:aws:ssm:us-west-2:{ACCOUNT}:parameter/db",
            "SECRET": {"secretsmanager": "demo/test/mysql"},
            "PART": {"secretsmanager": "demo/test/mysql:password::"},
            "ARN": f"arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret:db-AbCdEf",
            "EXPORT": {"from_cfn": "stack-Secret"},
        },
    },
    "overridden": {
        "taskdef_overrides": [
            {"path": "ContainerDefinitions[0].Ulimits[-]", "value": {"HardLimit": 2048, "Name": "nofile", "SoftLimit": 1024}},
            {"path": "ContainerDefinitions[0].StopTimeout", "value": 60},
        ]
    },
}
PUBLISH: Options = {
    "": {},
    "topics": {"publish": {"topics": [{"name": "a-b"}, {"name": "c_d", "fifo": {"content_based_deduplication": True}}]}},
}
SUBSCRIBE: Options = {
    "none": {},
    "shared": {
        "subscribe": {
            "queue": {"delay": "1s", "retention": "2h", "timeout": "45s", "dead_letter": {"tries": 5}},
            "topics": [
                {"name": "dogs", "service": "zoo", "filter_policy": {"store": ["a"], "price": [{"numeric": [">=", 100]}]}}
            ],
        }
    },
    "own": {
        "subscribe": {
            "topics": [
                {"name": "cats", "service": "zoo", "queue": {"dead_letter": {"tries": 3}, "timeout": "1m"}},
                {"name": "orders", "service": "my-shop", "queue": {"fifo": {"high_throughput": True}}},
                {"name": "plain", "service": "zoo"},
            ]
        }
    },
    "ordered": {
        "subscribe": {
            "queue": {"fifo": {"content_based_deduplication": True}, "dead_letter": {"tries": 2}},
            "topics": [{"name": "orders", "service": "shop"}],
        }
    },
}
SCHEDULE: Options = {
    "daily": {"on": {"schedule": "@daily"}},
    "tried": {"on": {"schedule": "0 9 * * 1-5"}, "retries": 3, "timeout": "90m"},
    "rate": {"on": {"schedule": "@every 90m"}, "cpu": 1024, "memory": 4096},
    "never": {"on": {"schedule": "none"}},
}
MADE: Options = {
    "image": {},
    "built": {"image": {"build": "Dockerfile", "location": None}, "platform": "linux/arm64"},
    "private": {
        "image": {"location": f"{REGISTRY}-shared:v1", "credentials": f"arn:aws:secretsmanager:us-west-2:{ACCOUNT}:secret:x"}
    },
}
AROUND: Options = {"": {}, "addons": {}, "boundary": {}}

_ADDONS = Addons(
    "https://bucket.s3.us-west-2.amazonaws.com/addons.yml",
    parameters={"Size": "3", "Service": {"Ref": "LogGroup"}},
    outputs={"TableName": "variable", "Access": "policy", "Password": "secret", "Group": "security group"},
)


@dataclass(frozen=True)
class Kind:
    """A kind of workload in a kind of environment, with its factors."""

    head: str
    environment: str
    factors: Mapping[str, Options]


def _some(options: Options, *names: str) -> Options:
    return {name: options[name] for name in names}


_TASK: Mapping[str, Options] = {
    "placement": PLACEMENT,
    "containers": CONTAINERS,
    "storage": STORAGE,
    "data": DATA,
    "made": MADE,
    "around": AROUND,
}
_SERVICE: Mapping[str, Options] = {"connect": CONNECT, "deployment": DEPLOYMENT, "publish": PUBLISH}

# What is the same in all kinds is with one of them in all pairs; the others have what is theirs alone.
KINDS: Mapping[str, Kind] = {
    "web": Kind("web", "plain", {"http": _some(HTTP, "root", "path", "rules", "sidecar"), **_TASK, **_SERVICE, "count": COUNT}),
    "web-scaled": Kind("web", "plain", {"http": _some(HTTP, "checks", "rules"), "count": BALANCED}),
    "web-domain": Kind("web", "domain", {"http": {**_some(HTTP, "root", "checks", "rules", "sources"), **NAMED_BELOW}}),
    "web-original": Kind("web", "original", {"http": ALIASED}),
    "web-certificates": Kind("web", "certificates", {"http": ALIASED}),
    "web-both": Kind("web", "both", {"http": _some(ALIASED, "zones")}),
    "web-gov": Kind("web", "gov", {"http": _some(HTTP, "root"), "connect": _some(CONNECT, "", "alias")}),
    "backend": Kind("backend", "plain", {**_SERVICE, "count": COUNT}),
    "backend-portless": Kind("portless", "plain", {"connect": _some(CONNECT, "", "client")}),
    "backend-internal": Kind("backend", "plain", {"http": HTTP, "count": BALANCED}),
    "backend-certificates": Kind("backend", "certificates", {"http": ALIASED}),
    "worker": Kind(
        "worker",
        "plain",
        {
            "subscribe": SUBSCRIBE,
            "count": {**_some(COUNT, "one", "cpu"), **QUEUED},
            "deployment": {**DEPLOYMENT, **DELAYED},
            "connect": _some(CONNECT, "", "client"),
            "publish": PUBLISH,
            "around": AROUND,
        },
    ),
    "job": Kind("job", "plain", {"on": SCHEDULE, "placement": _some(PLACEMENT, "public", "private"), "around": AROUND}),
    "job-stored": Kind("job", "plain", {"on": _some(SCHEDULE, "tried"), "storage": _some(STORAGE, "managed", "existing")}),
    "job-gov": Kind("job", "gov", {"on": _some(SCHEDULE, "daily")}),
}


def workloads() -> Iterator[tuple[str, Callable[[], WorkloadSettings]]]:
    """Settings of workloads, by a name that tells the options, such that each pair of options of a kind is there."""
    for name, kind in KINDS.items():
        for row in covering({factor: list(options) for factor, options in kind.factors.items()}):
            yield f"{name}-{'-'.join(filter(None, row.values()))}", _maker(kind, row)


def _maker(kind: Kind, row: Mapping[str, str]) -> Callable[[], WorkloadSettings]:
    return lambda: settings(kind, row)


def settings(kind: Kind, row: Mapping[str, str]) -> WorkloadSettings:
    """A workload of a kind with an option for each of its factors."""
    data: dict[str, Any] = merged(HEADS[kind.head], *(kind.factors[factor][option] for factor, option in row.items()))
    text = yaml.safe_dump(data, sort_keys=False)
    manifest = parse_workload(SourceText(Path("manifest.yml"), "manifest.yml", text)).model.resolved("test", "my-app")
    around = row.get("around")
    return WorkloadSettings(
        application="my-app",
        environment="test",
        manifest=manifest,
        facts=ENVIRONMENTS[kind.environment],
        manifest_text=text,
        image=f"{REGISTRY}/{manifest.name}@{DIGEST}" if "build" in data["image"] else None,
        sidecar_images={"setup": f"{REGISTRY}/{manifest.name}@{DIGEST}"},
        env_files={container: f"{ENV_FILE}/{file}" for container, file in manifest.env_files.items()},
        rule_place=7,
        artifact_key=KEY,
        addons=_ADDONS if around == "addons" else None,
        permissions_boundary="bounds" if around == "boundary" else None,
        tags={"team": "shop"} if around == "boundary" else {},
    )


def merged(first: Part, *others: Part) -> dict[str, Any]:
    """Parts of a manifest as one: mappings are merged, other values are replaced, and None removes what is there."""
    result = dict(first)
    for part in others:
        for key, value in part.items():
            if isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
                result[key] = merged(result[key], value)
            else:
                result[key] = value
    return {key: value for key, value in result.items() if value is not None}
