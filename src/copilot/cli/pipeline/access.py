"""How a pipeline gets at its repository: with an access token, through a connection of AWS, or without either."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from copilot.cli import _ask
from copilot.cli._context import Context
from copilot.errors import ConflictError, NotFoundError, RepositoryError, UsageError

if TYPE_CHECKING:
    from copilot.aws.client import Aws
    from copilot.aws.connections import Connection
    from copilot.aws.secrets import ManagedSecret
    from copilot.cli.pipeline._repository import Repository

_TOKEN_SCOPES = {
    "GitHub": "GitHub personal access token (repo, admin:repo_hook)",
    "GitLab": "GitLab access token (read_repository)",
    "Bitbucket": "Bitbucket access token (repository read)",
}
"""By provider: what to ask for. Other hosts are not asked about: most need no token, or have keys."""

_OWN_SERVERS = ("GitHubEnterpriseServer", "GitLabSelfManaged")
"""Types of connections to servers that AWS does not know by their names."""
_CONNECTIONS = {"GitHub": ("GitHub",), "GitLab": ("GitLab",), "Bitbucket": ("Bitbucket",), "Git": _OWN_SERVERS}
"""By who hosts a repository, which is ``Git`` for an unknown server: the types of connections that lead there."""
_PROVIDERS = {"GitHubEnterpriseServer": "GitHub", "GitLabSelfManaged": "GitLab"}
"""By the type of a connection: the provider in a manifest, where it is called otherwise."""

_NEW = "(a new one)"


@dataclass(frozen=True)
class Access:
    """How a pipeline gets at its repository.

    Attributes:
        provider: As the manifest has it.
        secret: Name of the secret that holds the token; None without a token.
        token: To be kept in that secret, if there is a new one.
        connection: Name of the connection; None: there is none, or it will be made.
        label: What a person is told of it, and in front of that ``Token`` or ``Connection``; empty if there is nothing to say.
    """

    provider: str
    secret: str | None = None
    token: str | None = field(default=None, repr=False)
    connection: str | None = None
    label: str = ""
    said: str = ""
    origin: str = ""


def choose_access(context: Context, repository: Repository, token: str | None, connection: str | None) -> Access:
    """What the flags say, or what is there already, or what a person types or picks.

    Args:
        context: What the command works on.
        repository: The repository.
        token: What ``--github-access-token`` says. Empty: none is to be used.
        connection: What ``--connection-name`` says.

    Raises:
        UsageError: The flags make no sense for this repository.
        RepositoryError: AWS cannot reach it.
        ConflictError: The connection is to another provider or broken, or the token's secret is another application's.
        NotFoundError: There is no such connection.
    """
    if token is not None:
        token = checked_token(token)
    if context.on_aws:
        return _on_aws(context, repository, token, connection)
    if connection is not None:
        raise UsageError("`--connection-name` is for AWS", hint="this machine fetches with git: leave it out")
    return _on_this_machine(context, repository, token)


def keep_token(context: Context, secret: str, token: str) -> None:
    """Keep a token in place of any that was there."""
    if context.on_aws:
        from copilot.aws.secrets import ManagedSecrets

        ManagedSecrets(context.account).put(secret, token, overwrite=True, application=context.app)
    else:
        context.local.put_secret(secret, token, overwrite=True)


def has_token(context: Context, secret: str) -> bool:
    """Whether there is a token that can be used."""
    if context.on_aws:
        from copilot.aws.secrets import ManagedSecrets

        found = ManagedSecrets(context.account).find(secret)
        return found is not None and not found.deleted
    return secret in context.local.secrets(secret)


def checked_token(token: str) -> str:
    """A token without what surrounds it. Raises UsageError if it can be none."""
    token = token.strip()
    if not token.isprintable() or " " in token:
        raise UsageError("the access token has characters that no token has", hint="was something else copied with it?")
    return token


def _on_this_machine(context: Context, repository: Repository, given: str | None) -> Access:
    from copilot.repository import is_local, provider_of

    provider = provider_of(repository.url)
    secret = _secret_name(provider, context.app, repository)
    if is_local(repository.url):
        if given:
            raise UsageError("a repository on this disk needs no access token", hint="leave `--github-access-token` out")
        return Access("Git")
    if given is None and repository.url.startswith("https://") and provider in _TOKEN_SCOPES:
        if secret in context.local.secrets(secret):
            return Access(provider, secret, label="Token", said=f"there already, in the secret store as {secret}")
        if _ask.can_ask():
            question = f"{_TOKEN_SCOPES[provider]}; enter: none, the repository is public:"
            given = _ask.password(question, flag="--github-access-token").strip()
    if given:
        return Access(provider, secret, given, label="Token", said=f"kept in the secret store as {secret}")
    # Without a token, these providers mean a connection, which is something only AWS has: plain git needs neither.
    return Access("CodeCommit" if provider == "CodeCommit" else "Git")


def _on_aws(context: Context, repository: Repository, token: str | None, connection: str | None) -> Access:
    from copilot.repository import is_local, provider_of

    provider = provider_of(repository.url)
    if is_local(repository.url):
        raise RepositoryError(
            f"AWS cannot reach `{repository.shown}`, which is on this disk",
            hint="push it to GitHub, GitLab, Bitbucket or CodeCommit and name it there with `--url`; or have this machine run"
            " the application: `copilot app init --engine local`",
        )
    if token and provider != "GitHub":
        instead = "the repository is in the same account" if provider == "CodeCommit" else "it takes a connection to others"
        raise UsageError(
            f"CodePipeline uses an access token only for GitHub: {instead}", hint="leave `--github-access-token` out"
        )
    if provider == "CodeCommit":
        return _codecommit(context, repository, connection)
    if token and connection is not None:
        raise UsageError(
            "`--github-access-token` and `--connection-name` cannot be used together", hint="either leads to the repository"
        )
    if connection is not None:
        return _through(_named(context.account, connection, provider, repository), provider)
    if provider == "GitHub" and token != "":
        access = _with_token(context, repository, token)
        if access is not None:
            return access
    return _picked(context.account, provider, repository)


def _with_token(context: Context, repository: Repository, token: str | None) -> Access | None:
    """None: there is no token, and none is given."""
    from copilot.aws.secrets import ManagedSecrets

    name = _secret_name("GitHub", context.app, repository)
    found = ManagedSecrets(context.account).find(name)
    if found is not None and found.application not in (None, context.app):
        raise ConflictError(
            f"the secret `{name}` belongs to application `{found.application}`",
            hint='to reach the repository through a connection, pass `--github-access-token ""`',
        )
    if token is None:
        if found is not None and not found.deleted:
            return Access("GitHub", name, label="Token", said=f"there already, in Secrets Manager as {name}")
        if not _ask.can_ask():
            return None
        question = f"{_TOKEN_SCOPES['GitHub']}; enter: a connection:"
        token = _ask.password(question, flag="--github-access-token").strip()
    if not token:
        return None
    return Access("GitHub", name, token, label="Token", said=f"kept in Secrets Manager as {name}", origin=_instead_of(found))


def _instead_of(found: ManagedSecret | None) -> str:
    if found is None:
        return ""
    return "it was scheduled for deletion, and is restored" if found.deleted else "in place of the one that was there"


def _codecommit(context: Context, repository: Repository, connection: str | None) -> Access:
    from copilot.repository import host_of

    if connection is not None:
        raise UsageError("CodeCommit needs no connection: it is in the same account", hint="leave `--connection-name` out")
    region, own = host_of(repository.url).split(".")[1], context.account.region
    if region != own:
        raise RepositoryError(
            f"the repository is in {region}, and the pipeline in {own}: CodePipeline takes CodeCommit's only from its own region",
            hint="have both in one region, or mirror the repository",
        )
    return Access("CodeCommit")


def _named(aws: Aws, name: str, provider: str, repository: Repository) -> Connection:
    """The connection called so. Names need not be unique: one that leads there is taken, and rather one that is allowed."""
    from copilot.aws.connections import AVAILABLE, ERROR, Connections

    known = list(Connections(aws).all())
    called = [each for each in known if each.name == name]
    if not called:
        there = [each.name for each in known if each.provider in _CONNECTIONS[provider]]
        hint = (
            f"there is: {', '.join(sorted(set(there)))}"
            if there
            else "there is none; leave `--connection-name` out for a new one"
        )
        raise NotFoundError(f"there is no connection `{name}` in account {aws.account}, region {aws.region}", hint=hint)
    leading = [each for each in called if each.provider in _CONNECTIONS[provider]]
    if not leading:
        raise ConflictError(
            f"connection `{name}` is to {called[0].provider}, and the repository is `{repository.shown}`",
            hint="name a connection to its host, or leave `--connection-name` out",
        )
    best = min(leading, key=lambda each: (each.status != AVAILABLE, each.status == ERROR))
    if best.status == ERROR:
        raise ConflictError(f"connection `{name}` is broken", hint="delete it in the console, and make another one")
    return best


def _through(connection: Connection, provider: str) -> Access:
    from copilot.aws.connections import AVAILABLE

    waits = "" if connection.status == AVAILABLE else "it waits until a person allows it in the console"
    named = _PROVIDERS.get(connection.provider, connection.provider) if provider == "Git" else provider
    return Access(named, connection=connection.name, label="Connection", said=connection.name, origin=waits)


def _picked(aws: Aws, provider: str, repository: Repository) -> Access:
    """The connection that a person picks of those that lead there, or a new one."""
    if _ask.can_ask():
        from copilot.aws.connections import AVAILABLE, Connections

        types = _CONNECTIONS[provider]
        there = {each.name: each for each in Connections(aws).all() if each.provider in types and each.status == AVAILABLE}
        choices = [(name, each.provider) for name, each in sorted(there.items())]
        choices += [(_NEW, "a person allows it once in the console")] if provider != "Git" else []
        name = _NEW if not there else _ask.select("Which connection leads to it?", choices, flag="--connection-name")
        if name != _NEW:
            return _through(there[name], provider)
    if provider == "Git":
        from copilot.repository import host_of

        raise RepositoryError(
            f"AWS does not know `{host_of(repository.url)}`: it is not GitHub, GitLab, Bitbucket or CodeCommit",
            hint="if it is a GitHub Enterprise Server or a GitLab of your own, make a connection to it in the console"
            " (Developer Tools, Connections) and name it with `--connection-name`; else push to one of these, and name that with"
            " `--url`",
        )
    return Access(
        provider,
        label="Connection",
        said=f"a new one to {provider}, which `copilot pipeline update` makes",
        origin="a person allows it once in the console",
    )


def _secret_name(provider: str, app: str, repository: Repository) -> str:
    return f"{'github' if provider == 'Git' else provider.lower()}-token-{app}-{repository.names[-1]}"
