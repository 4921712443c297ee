"""``copilot secret``: values that no file of the repository holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import click

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.cli._options import app_option, json_option, yes_option
from copilot.cli._output import bold, dim, out, print_json, say, say_done, say_next, table
from copilot.cli._root import command
from copilot.errors import ConflictError, CopilotError, NotFoundError, UsageError

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
_SHARED = "/copilot/${COPILOT_APPLICATION_NAME}/${COPILOT_ENVIRONMENT_NAME}/secrets/"
_name_option = click.option("--name", "-n", metavar="NAME", help="The secret.")

Values = Mapping[str, Mapping[str, str]]
"""Secret to environment to value."""


@command("secret init")
@app_option
@_name_option
@click.option(
    "--values",
    metavar="ENV=VALUE,…",
    help="Its value in each environment. Others can see it in the list of processes: better leave this out and be asked.",
)
@click.option("--overwrite", is_flag=True, help="Replace the values of a secret that exists.")
@click.option(
    "--cli-input-yaml",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="File with `<secret>: {<env>: <value>}` for several.",
)
def init(context: Context, name: str | None, values: str | None, overwrite: bool, file: Path | None) -> None:
    """Asks for the value in each environment, without showing it. Manifests name the secret, never its value."""
    if file is not None and (name or values):
        raise UsageError("`--cli-input-yaml` cannot be used together with `--name` or `--values`")
    app = context.app
    if file is not None:
        wanted = _read_file(file)
    else:
        name = name or _ask.text("What is the secret called?", flag="--name", check=_name_fault)
        fault = _name_fault(name)
        if fault:
            raise UsageError(f"`--name`: {fault[:1].lower()}{fault[1:]}")
        wanted = {name: _parse_values(values) if values is not None else {}}
    environments = [e.name for e in context.engine.environments(app)]
    if not environments:
        raise NotFoundError(f"application `{app}` has no environment", hint="create one with `copilot env init`")
    if not any(wanted.values()):
        wanted = {secret: _ask_values(secret, environments) for secret in wanted}
    _check_environments(wanted, environments, app)

    existing = set(context.engine.secrets(f"/copilot/{app}/"))
    chosen = [(secret, env, value) for secret, by_env in wanted.items() for env, value in by_env.items()]
    if not chosen:
        say("No value was given. There was nothing to do.")
        return
    taken = [f"{secret} in {env}" for secret, env, _ in chosen if stored_name(app, env, secret) in existing]
    if taken and not overwrite:
        raise ConflictError(f"there is a value already: {', '.join(taken)}", hint="replace it with `--overwrite`")
    for secret, env, value in chosen:
        context.engine.put_secret(stored_name(app, env, secret), value, overwrite)
    for secret, by_env in wanted.items():
        say_done(f"Keeping secret {bold(secret)} for {', '.join(by_env)}")
    say("\nTo give it to a service, add to copilot/<service>/manifest.yml:\n")
    out("secrets:\n" + "\n".join(f"  {secret}: {_SHARED}{secret}" for secret in wanted))
    say_next("copilot secret ls")


@command("secret ls")
@app_option
@json_option
def ls(context: Context, as_json: bool) -> None:
    """Names only; nothing prints a value."""
    held = _held(context)
    if as_json:
        print_json({"secrets": [{"name": secret, "environments": environments} for secret, environments in held.items()]})
    elif held:
        out(table([(secret, ", ".join(environments)) for secret, environments in held.items()], ("name", "environments")))
    else:
        say(f"Application {context.app} has no secrets yet.")
        say_next("copilot secret init")


@command("secret delete")
@app_option
@_name_option
@click.option("--env", "-e", "environment", metavar="NAME", help="Only its value in this environment.")
@yes_option
def delete(context: Context, name: str | None, environment: str | None, yes: bool) -> None:
    """Tasks that run keep the value they were started with."""
    held = _held(context)
    app = context.app
    name = _ask.choose("secret", list(held), name, owner=f"application `{app}`", create="copilot secret init")
    if environment is not None and environment not in held[name]:
        raise NotFoundError(
            f"secret `{name}` has no value in environment `{environment}`", hint=f"it has one in: {', '.join(held[name])}"
        )
    chosen = [environment] if environment else held[name]
    _ask.confirm_deletion(f"Delete secret {name} for {', '.join(chosen)}?", yes=yes)
    for env in chosen:
        context.engine.delete_secret(stored_name(app, env, name))
    say_done(f"Deleted secret {bold(name)} for {', '.join(chosen)}")
    say(dim("  A manifest that still names it cannot be deployed."))
    say_next("copilot secret ls")


def stored_name(app: str, environment: str, secret: str) -> str:
    """The name under which a secret's value for an environment is kept; AWS Copilot's."""
    return f"/copilot/{app}/{environment}/secrets/{secret}"


def _held(context: Context) -> dict[str, list[str]]:
    """Secret to the environments that it has a value in."""
    prefix = f"/copilot/{context.app}/"
    held: dict[str, list[str]] = {}
    for stored in context.engine.secrets(prefix):
        environment, kind, name = [*stored.removeprefix(prefix).split("/", 2), "", ""][:3]
        if kind == "secrets" and name:
            held.setdefault(name, []).append(environment)
    return dict(sorted(held.items()))


def _ask_values(secret: str, environments: list[str]) -> dict[str, str]:
    answers = {env: _ask.password(f"{secret} in {env} (empty: none):", flag="--values") for env in environments}
    return {env: value for env, value in answers.items() if value}


def _parse_values(text: str) -> dict[str, str]:
    """``test=a,prod=b``. A comma inside a value begins a new one only where ``<word>=`` follows it."""
    values: dict[str, str] = {}
    for part in re.split(r",(?=[a-z][a-z0-9-]*=)", text):
        environment, sign, value = part.partition("=")
        if not sign or not environment or not value:
            raise UsageError(
                "`--values` must be like `test=one,prod=two`", hint="each environment needs a value that is not empty"
            )
        values[environment.strip()] = value
    return values


def _read_file(path: Path) -> Values:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        # The base type takes every value as it is written: `0123` and `yes` are text.
        content = YAML(typ="base", pure=True).load(path.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CopilotError(f"`{path}` cannot be read: {getattr(error, 'strerror', None) or 'it is not text'}") from None
    except YAMLError:
        # The parser's own message quotes the file, and with it perhaps a value.
        raise CopilotError(f"`{path}` is not valid YAML") from None
    if not isinstance(content, dict) or not content or not all(isinstance(v, dict) and v for v in content.values()):
        raise CopilotError(f"`{path}` must hold `<secret>: {{<env>: <value>}}` for each secret")
    wanted: dict[str, dict[str, str]] = {}
    for secret, values in content.items():
        fault = _name_fault(str(secret))
        if fault:
            raise CopilotError(f"`{path}`: {fault[:1].lower()}{fault[1:]}")
        if any(not isinstance(value, str) or not value for value in values.values()):
            raise CopilotError(f"`{path}`: each value of `{secret}` must be text that is not empty")
        wanted[str(secret)] = {str(env): value for env, value in values.items()}
    return wanted


def _check_environments(wanted: Values, environments: list[str], app: str) -> None:
    unknown = sorted({env for by_env in wanted.values() for env in by_env} - set(environments))
    if unknown:
        raise NotFoundError(
            f"environment `{unknown[0]}` does not exist in application `{app}`", hint=f"it has: {', '.join(environments)}"
        )


def _name_fault(name: str) -> str | None:
    if _NAME.fullmatch(name):
        return None
    return f"A secret's name has letters, digits and `_.-` only, at least one; `{name}` does not fit"
