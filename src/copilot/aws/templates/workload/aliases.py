"""Names of hosts in ``http.alias`` that are part of the application's domain: which ones work, and the DNS records for them.

An environment of AWS Copilot makes certificates and records for all names in the domain, with functions of its own. Ours has one
certificate, for its subdomain and all names directly below it. So these names work without more, by records in the service's
stack; any other name would be answered with a certificate that browsers refuse.
"""

from __future__ import annotations

from copilot.aws import names
from copilot.aws.templates.workload.ports import routing_rules
from copilot.aws.templates.workload.settings import WorkloadSettings
from copilot.errors import UnsupportedError
from copilot.manifest.http import RoutingRule
from copilot.manifest.workload import LoadBalancedWebService


def has_subdomain(settings: WorkloadSettings) -> bool:
    """Whether the service has a name below the environment's subdomain. Imported certificates take the place of that."""
    facts = settings.facts
    public = isinstance(settings.manifest, LoadBalancedWebService)
    return public and facts.domain is not None and not facts.public_certificates


def subdomain(settings: WorkloadSettings) -> str:
    """The environment's part of the application's domain, in small letters."""
    return f"{settings.environment}.{settings.application}.{settings.facts.domain}".lower()


def names_itself(settings: WorkloadSettings) -> bool:
    """Whether the manifest lists the very name that the service has from the environment: that is one record, not two."""
    return _makes_records(settings) and _own_name(settings) in _names_without_zone(settings)


def check_aliases(settings: WorkloadSettings, rule: RoutingRule) -> None:
    """Raises UnsupportedError for a name that the environment's certificate is not for."""
    if not _makes_records(settings):
        return
    for alias in rule.alias:
        if _label(settings, alias.name) is None:
            below = subdomain(settings)
            raise UnsupportedError(
                f"`{settings.manifest.name}` has `alias: {alias.name}` for `{rule.path}`, and the certificate of environment "
                f"`{settings.environment}` is not for that name, but for `{below}` and names directly below it",
                hint="import a certificate for it in the environment's manifest (`http.public.certificates`) and point the name "
                f"at the load balancer, or take a name such as `{alias.name.split('.')[0].strip('*?') or 'www'}.{below}`",
            )


def aliases_to_record(settings: WorkloadSettings) -> dict[str, str]:
    """The names that need a record in the environment's zone, each once and in small letters, by logical ID.

    Those with a ``hosted_zone`` have their record there; the service's own name is not among them (see `names_itself`).
    """
    if not _makes_records(settings):
        return {}
    return {_logical_id(settings, host): host for host in _names_without_zone(settings) if host != _own_name(settings)}


def _makes_records(settings: WorkloadSettings) -> bool:
    return has_subdomain(settings) and not settings.facts.makes_aliases


def _own_name(settings: WorkloadSettings) -> str:
    return f"{settings.manifest.name}.{subdomain(settings)}".lower()


def _names_without_zone(settings: WorkloadSettings) -> list[str]:
    rules = routing_rules(settings.manifest)
    found = (alias.name.lower() for rule in rules for alias in rule.alias if not (alias.hosted_zone or rule.hosted_zone))
    return list(dict.fromkeys(found))


def _label(settings: WorkloadSettings, host: str) -> str | None:
    """What a name has in front of the subdomain, empty for the subdomain itself; None if no certificate or record is for it."""
    label, _, rest = host.lower().partition(".")
    if host.lower() == subdomain(settings):
        return ""
    return label if rest == subdomain(settings) and (label == "*" or not {"*", "?"} & set(label)) else None


def _logical_id(settings: WorkloadSettings, host: str) -> str:
    # Labels are in small letters: what is written in capitals is no part of one.
    label = (_label(settings, host) or "").replace("*", "ANY").replace("_", "LINE")
    return f"AliasRecord{names.logical_id(label)}"
