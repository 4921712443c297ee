"""`copilot job` on AWS, from init to delete."""

from __future__ import annotations

import json
import time
from pathlib import Path

from copilot.aws.client import Aws
from tests.cli.aws.conftest import JOB, write_manifest
from tests.cli.conftest import Cli

GROUP = "/copilot/shop-test-report"


def test_a_job_is_deployed_run_and_deleted(cli: Cli, shop: Aws, tmp_path: Path) -> None:
    made = cli.ok("job", "init", "--name", "report", "--schedule", "@daily", "--image", "busybox:1.36")
    assert "copilot job deploy --name report --env test" in made.stderr
    assert "host runtime" not in made.stderr
    assert "not deployed" in cli.ok("job", "ls").stdout
    cli.ok("job", "package", "--env", "test", "--output-dir", str(tmp_path / "out"))
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report-test.params.json", "report-test.stack.yml"]
    assert cli("job", "package", "--name", "report", "--env", "test", "--diff").exit_code == 1
    deployed = cli.ok("job", "deploy", "--env", "test")
    assert "Deployed report to test in" in deployed.stderr
    assert "copilot job run --name report --env test" in deployed.stderr
    same = cli.ok("job", "deploy", "--env", "test", "--force")
    assert "report in test is up to date. There was nothing to do." in same.stderr
    assert "never ran" in cli.ok("job", "ls").stdout
    assert json.loads(cli.ok("job", "ls", "--json").stdout) == {
        "jobs": [{"app": "shop", "name": "report", "type": "Scheduled Job"}]
    }
    nothing = cli("job", "logs")
    assert nothing.exit_code == 1
    assert "has not printed anything in environment `test` yet" in nothing.stderr
    started = cli.ok("job", "run")
    assert "Started report in test, run " in started.stderr
    assert "cron(0 0 * * ? *)" in cli.ok("job", "ls").stdout
    machine = shop.cloudformation.describe_stack_resource(StackName="shop-test-report", LogicalResourceId="StateMachine")
    arn = machine["StackResourceDetail"]["PhysicalResourceId"]
    assert len(shop.stepfunctions.list_executions(stateMachineArn=arn)["executions"]) == 1
    gone = cli.ok("job", "delete", "--yes")
    assert "Deleted job report from application shop, with its images" in gone.stderr
    assert json.loads(cli.ok("job", "ls", "--json").stdout) == {"jobs": []}


def test_logs_are_those_of_the_last_tasks(cli: Cli, shop: Aws) -> None:
    write_manifest("report", JOB)
    cli.ok("job", "deploy", "--env", "test")
    now = time.time()
    said = {
        "copilot/report/0aaa": [(now - 300, "old")],
        "copilot/report/0bbb": [(now - 20, "new"), (now - 10, "newer")],
        "states/report/1": [(now - 15, "the machine")],
    }
    for stream, lines in said.items():
        shop.logs.create_log_stream(logGroupName=GROUP, logStreamName=stream)
        shop.logs.put_log_events(
            logGroupName=GROUP,
            logStreamName=stream,
            logEvents=[{"timestamp": int(at * 1000), "message": text} for at, text in lines],
        )
    assert cli.ok("job", "logs").stdout.splitlines() == ["report/0bbb  new", "report/0bbb  newer"]
    assert [line.split()[-1] for line in cli.ok("job", "logs", "--last", "2").stdout.splitlines()] == ["old", "new", "newer"]
    assert [line.split()[-1] for line in cli.ok("job", "logs", "--since", "1m").stdout.splitlines()] == ["new", "newer"]
    assert cli.ok("job", "logs", "--tasks", "0aa").stdout == "report/0aaa  old\n"
    assert cli.ok("job", "logs", "--limit", "1").stdout == "report/0bbb  newer\n"
    with_machine = cli.ok("job", "logs", "--since", "1m", "--include-state-machine").stdout.splitlines()
    assert sorted(line.split(maxsplit=1)[1] for line in with_machine) == ["new", "newer", "the machine"]
    (line,) = cli.ok("job", "logs", "--limit", "1", "--json").stdout.splitlines()
    assert json.loads(line) == {
        "logStreamName": "copilot/report/0bbb",
        "timestamp": int((now - 10) * 1000),
        "message": "newer",
        "task": "0bbb",
        "container": "report",
    }


def test_flags_that_do_not_fit_are_refused(cli: Cli, shop: Aws) -> None:
    del shop
    write_manifest("report", JOB)
    for words, message in {
        ("logs", "--since", "1m", "--start-time", "2026-01-01T00:00:00Z"): "cannot be used together",
        ("logs", "--since", "soon"): "must be a duration",
        ("run",): "application `shop` has no job",
        ("deploy", "--name", "nope", "--env", "test"): "job `nope` does not exist in this repository",
        ("init", "--name", "x", "--image", "a", "--dockerfile", "b"): "cannot be used together",
    }.items():
        result = cli("job", *words)
        assert result.exit_code != 0
        assert message in result.stderr
