"""Every command, as plain data: help and completion are answered from here without importing the commands.

Nothing slow is imported here (see `copilot.__main__`): no click, typing or dataclasses.
"""

from __future__ import annotations


class Entry:
    """A command, or a group of commands.

    Attributes:
        path: The words a person types: ``pipeline init``.
        target: ``module:attribute`` of its click command; empty for a group.
        summary: One line, no full stop.
        example: A command line worth copying; several are divided by newlines.
        section: Heading in ``copilot --help``; only commands of one word have one.
        aliases: Other names for the last word, not listed.
        listed: Whether help and completion show it.
    """

    __slots__ = ("aliases", "example", "listed", "path", "section", "summary", "target")

    def __init__(
        self,
        path: str,
        target: str,
        summary: str,
        example: str = "",
        *,
        section: str = "",
        aliases: tuple[str, ...] = (),
        listed: bool = True,
    ) -> None:
        self.path = path
        self.target = target
        self.summary = summary
        self.example = example
        self.section = section
        self.aliases = aliases
        self.listed = listed

    @property
    def name(self) -> str:
        """The last word of the path."""
        return self.path.rpartition(" ")[2]

    @property
    def parent(self) -> str:
        """The path of the group it is in; empty at the top."""
        return self.path.rpartition(" ")[0]

    @property
    def is_group(self) -> bool:
        """Whether it has commands below it."""
        return not self.target


PROGRAM = "copilot"
SECTIONS = ("Describe", "Release", "This machine")
DESCRIPTION = "Release pipelines: push to a branch, and it is built, deployed, tested, approved, promoted."

COMMANDS = (
    Entry("app", "", "Applications: what belongs together", section="Describe"),
    Entry(
        "app init", "copilot.cli.app:init", "Create an application, and make this repository part of it", "copilot app init shop"
    ),
    Entry("app ls", "copilot.cli.app:ls", "List the applications", "copilot app ls"),
    Entry("app show", "copilot.cli.app:show", "Show an application's environments, services and pipelines", "copilot app show"),
    Entry(
        "app delete",
        "copilot.cli.app:delete",
        "Delete an application with everything in it",
        "copilot app delete --name shop --yes",
    ),
    Entry("env", "", "Environments: where services run", section="Describe"),
    Entry("env init", "copilot.cli.env:init", "Create an environment", "copilot env init --name test"),
    Entry("env ls", "copilot.cli.env:ls", "List the environments of an application", "copilot env ls"),
    Entry("env show", "copilot.cli.env:show", "Show an environment and what runs in it", "copilot env show --name test"),
    Entry(
        "env deploy",
        "copilot.cli.env_deploy:deploy",
        "Make an environment what its manifest says (on AWS)",
        "copilot env deploy --name test\ncopilot env deploy --name test --diff",
    ),
    Entry(
        "env package",
        "copilot.cli.env_deploy:package",
        "Print the template that an environment is made from (on AWS)",
        "copilot env package --name test --output-dir infrastructure",
    ),
    Entry(
        "env override",
        "copilot.cli.override:environment",
        "Write a file for changes to the templates of environments (on AWS)",
        "copilot env override",
    ),
    Entry(
        "env delete",
        "copilot.cli.env:delete",
        "Stop what runs in an environment, and delete it",
        "copilot env delete --name test --yes",
    ),
    Entry("svc", "", "Services: what runs", section="Describe"),
    Entry(
        "svc init",
        "copilot.cli.svc_init:init",
        "Add a service to the application and write its manifest",
        "copilot svc init --name api --svc-type 'Load Balanced Web Service' --dockerfile api/Dockerfile",
    ),
    Entry("svc ls", "copilot.cli.svc:ls", "List the services of an application", "copilot svc ls"),
    Entry(
        "svc show",
        "copilot.cli.svc:show",
        "Show a service: its releases and tasks in each environment",
        "copilot svc show --name api",
    ),
    Entry(
        "svc status",
        "copilot.cli.svc_status:status",
        "Show how a service is doing in an environment",
        "copilot svc status --name api --env test",
    ),
    Entry(
        "svc logs",
        "copilot.cli.svc_logs:logs",
        "Print what the tasks of a service printed",
        "copilot svc logs --name api --env test --follow",
    ),
    Entry(
        "svc exec",
        "copilot.cli.svc_exec:execute",
        "Run a command, by default a shell, inside a running task",
        "copilot svc exec --name api --env test\ncopilot svc exec --name api --env test --command 'ls -l'",
    ),
    Entry(
        "svc pause",
        "copilot.cli.svc_pause:pause",
        "Stop the tasks of a service and keep its release",
        "copilot svc pause --name api --env test",
    ),
    Entry(
        "svc resume",
        "copilot.cli.svc_pause:resume",
        "Start the tasks of a paused service again",
        "copilot svc resume --name api --env test",
    ),
    Entry(
        "svc package",
        "copilot.cli.svc_package:package",
        "Print the template that a service is made from (on AWS)",
        "copilot svc package --name api --env test\ncopilot svc package --name api --env test --output-dir infrastructure",
    ),
    Entry(
        "svc override",
        "copilot.cli.override:service",
        "Write a file for changes to the template of a service (on AWS)",
        "copilot svc override --name api",
    ),
    Entry(
        "svc deploy",
        "copilot.cli.deploy:deploy_service",
        "Build a service from this checkout and deploy it to an environment, without a pipeline",
        "copilot svc deploy --name api --env test\ncopilot svc deploy --name api --env test --diff",
    ),
    Entry(
        "svc rollback",
        "copilot.cli.svc_rollback:rollback",
        "Bring back an earlier release of a service; nothing is built",
        "copilot svc rollback --name api --env prod\ncopilot svc rollback 12 --name api --env prod",
    ),
    Entry(
        "svc delete",
        "copilot.cli.svc:delete",
        "Stop a service and delete it from one environment or from all",
        "copilot svc delete --name api --env test",
    ),
    Entry("job", "", "Jobs: what runs on a schedule", section="Describe"),
    Entry(
        "job init",
        "copilot.cli.job.init:init",
        "Add a scheduled job to the application and write its manifest",
        "copilot job init --name report --schedule @daily --dockerfile report/Dockerfile",
    ),
    Entry(
        "job ls",
        "copilot.cli.job.ls:ls",
        "List the jobs of an application, when they run next and how they did",
        "copilot job ls",
    ),
    Entry(
        "job package",
        "copilot.cli.job.deploy:package",
        "Print all that a deployment of a job would be made of",
        "copilot job package --name report --env test",
    ),
    Entry(
        "job override",
        "copilot.cli.override:job",
        "Write a file for changes to the template of a job (on AWS)",
        "copilot job override --name report",
    ),
    Entry(
        "job deploy",
        "copilot.cli.job.deploy:deploy",
        "Build a job from this checkout and deploy it to an environment, without a pipeline",
        "copilot job deploy --name report --env test",
    ),
    Entry("job run", "copilot.cli.job.run:run", "Run a job now", "copilot job run --name report --env test"),
    Entry(
        "job logs",
        "copilot.cli.job.logs:logs",
        "Print what the runs of a job printed",
        "copilot job logs --name report --env test --last 3",
    ),
    Entry(
        "job delete",
        "copilot.cli.job.delete:delete",
        "Delete a job from one environment or from all",
        "copilot job delete --name report --env test",
    ),
    Entry("secret", "", "Secrets: values that no file of the repository holds", section="Describe"),
    Entry(
        "secret init",
        "copilot.cli.secret:init",
        "Keep a secret's value for each environment",
        "copilot secret init --name DB_PASSWORD",
    ),
    Entry("secret ls", "copilot.cli.secret:ls", "List the names of the secrets", "copilot secret ls"),
    Entry("secret delete", "copilot.cli.secret:delete", "Delete a secret", "copilot secret delete --name DB_PASSWORD --env test"),
    Entry("pipeline", "", "Pipelines: what a push goes through", section="Release"),
    Entry(
        "pipeline init",
        "copilot.cli.pipeline.init:init",
        "Write a pipeline's manifest and buildspec",
        "copilot pipeline init --environments test,prod",
    ),
    Entry(
        "pipeline update",
        "copilot.cli.pipeline.update:update",
        "Create or update the pipeline from its manifest, and start an execution",
        "copilot pipeline update",
        aliases=("deploy",),
    ),
    Entry(
        "pipeline validate",
        "copilot.cli.pipeline.validate:validate",
        "Check a pipeline's manifest and all it names; nothing is changed",
        "copilot pipeline validate",
    ),
    Entry(
        "pipeline package",
        "copilot.cli.pipeline.package:package",
        "Print the template that a pipeline is made from (on AWS)",
        "copilot pipeline package --diff\ncopilot pipeline package --name main --output-dir infrastructure",
    ),
    Entry(
        "pipeline override",
        "copilot.cli.pipeline.override:override",
        "Write a file for changes to the template of a pipeline (on AWS)",
        "copilot pipeline override --name main",
    ),
    Entry("pipeline ls", "copilot.cli.pipeline.ls:ls", "List the pipelines of an application", "copilot pipeline ls"),
    Entry(
        "pipeline show",
        "copilot.cli.pipeline.show:show",
        "Show a pipeline's stages and where it listens",
        "copilot pipeline show",
    ),
    Entry(
        "pipeline status",
        "copilot.cli.pipeline.status:status",
        "Show how an execution is doing",
        "copilot pipeline status --watch",
    ),
    Entry(
        "pipeline logs", "copilot.cli.pipeline.logs:logs", "Print what an action printed", "copilot pipeline logs Build --follow"
    ),
    Entry("pipeline run", "copilot.cli.pipeline.run:run", "Start an execution without a push", "copilot pipeline run"),
    Entry(
        "pipeline approve",
        "copilot.cli.pipeline.approve:approve",
        "Release to the environment that waits for approval",
        "copilot pipeline approve --comment 'Looks good'",
    ),
    Entry(
        "pipeline reject",
        "copilot.cli.pipeline.approve:reject",
        "Refuse the release that waits for approval",
        "copilot pipeline reject --comment 'Wrong day'",
    ),
    Entry(
        "pipeline retry",
        "copilot.cli.pipeline.run:retry",
        "Run the failed actions of an execution again",
        "copilot pipeline retry",
    ),
    Entry(
        "pipeline stop",
        "copilot.cli.pipeline.run:stop",
        "Stop an execution",
        "copilot pipeline stop\ncopilot pipeline stop 14 --abandon",
    ),
    Entry(
        "pipeline rollback",
        "copilot.cli.pipeline.run:rollback",
        "Bring an environment back to an earlier release",
        "copilot pipeline rollback --environment prod",
    ),
    Entry(
        "pipeline enable",
        "copilot.cli.pipeline.transition:enable",
        "Let executions enter a stage again",
        "copilot pipeline enable prod",
    ),
    Entry(
        "pipeline disable",
        "copilot.cli.pipeline.transition:disable",
        "Keep executions from entering a stage",
        "copilot pipeline disable prod --reason 'No releases on Friday'",
    ),
    Entry(
        "pipeline delete",
        "copilot.cli.pipeline.delete:delete",
        "Delete a pipeline; what it deployed keeps running",
        "copilot pipeline delete --yes",
    ),
    Entry(
        "pipeline build",
        "copilot.cli.pipeline.build:build",
        "Build every image once and write what to deploy (the buildspec calls this)",
        "copilot pipeline build --output-dir infrastructure",
    ),
    Entry(
        "deploy",
        "copilot.cli.deploy:deploy",
        "Build from this checkout and deploy to an environment, without a pipeline",
        "copilot deploy --name api --env test",
        section="Release",
    ),
    Entry("server", "", "The local engine's server", section="This machine"),
    Entry("server start", "copilot.cli.server:start", "Start the server, if it does not run", "copilot server start"),
    Entry("server stop", "copilot.cli.server:stop", "Stop the server; services keep running", "copilot server stop"),
    Entry("server status", "copilot.cli.server:status", "Show whether the server runs", "copilot server status"),
    Entry("server run", "copilot.cli.server:run", "Run the server in the foreground", "copilot server run --port 7400"),
    Entry(
        "demo",
        "copilot.cli.demo:demo",
        "See a small application go through the whole pipeline",
        "copilot demo\ncopilot demo --keep\ncopilot demo --runtime docker",
        section="This machine",
    ),
    Entry("version", "copilot.cli.version:version", "Print the version", "copilot version", section="This machine"),
    Entry(
        "completion",
        "copilot.cli.completion:completion",
        "Print shell completion code",
        'eval "$(copilot completion bash)"',
        section="This machine",
    ),
)


AWS_COPILOT = {
    "init": "step by step: `copilot app init`, `copilot env init`, `copilot svc init`, `copilot deploy`",
    "docs": "`copilot --help`, and `--help` after any command",
    "app upgrade": "there is nothing to upgrade: leave it out",
}
"""By path: commands of AWS Copilot that are not here, and what to do instead."""


def find(path: str) -> Entry | None:
    """The command of that path; aliases count."""
    group, _, name = path.rpartition(" ")
    for entry in COMMANDS:
        if entry.parent == group and (entry.name == name or name in entry.aliases):
            return entry
    return None


def below(group: str) -> list[Entry]:
    """The commands directly inside a group (empty path: the top), in order, unlisted ones included."""
    return [entry for entry in COMMANDS if entry.parent == group]
