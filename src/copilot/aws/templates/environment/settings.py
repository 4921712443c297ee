"""All that the stack of an environment is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from copilot.manifest.environment import EnvironmentManifest, Subnet

ON_DEMAND = ("ALBWorkloads", "InternalALBWorkloads", "EFSWorkloads", "NATWorkloads", "Aliases")
"""The parameters that workloads change, through the environment controller: nobody else may."""

_CIDR = "10.0.0.0/16"
_PUBLIC = ("10.0.0.0/24", "10.0.1.0/24")
_PRIVATE = ("10.0.2.0/24", "10.0.3.0/24")


@dataclass(frozen=True)
class EnvironmentSettings:
    """An environment, as it is to be.

    Attributes:
        application_account: Number of the account of the application; who may do so there takes the environment's role.
        account: Number of the account of the environment. Likewise ``region``.
        bucket_arn: Of the application's bucket in the region. Likewise ``key_arn``.
        manifest: With placeholders filled in.
        source: The manifest as it is written, which goes into the template for people to read; AWS Copilot reads it too.
        domain: The application's domain; None without.
        domain_zone: The zone in Route 53 of the application's own subdomain, if it is in the environment's account: then the
            environment's subdomain is delegated by its own stack.
        delegated: Whether the environment's subdomain is delegated otherwise: only then a certificate for it can be had.
        permissions_boundary: Name of the policy that bounds every role that is made; None without.
        tags: Those of the application that go on everything.
        update_token: Anything that is new, to have an update although nothing changes; else the one of the last time.
    """

    application: str
    environment: str
    application_account: str
    account: str
    region: str
    bucket_arn: str
    key_arn: str
    manifest: EnvironmentManifest
    source: str = ""
    domain: str | None = None
    domain_zone: str | None = None
    delegated: bool = False
    permissions_boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    update_token: str = ""

    @property
    def own_domain(self) -> bool:
        """Whether it has a subdomain of the application's. It has none with certificates of its own, as in AWS Copilot."""
        return self.domain is not None and not self.manifest.http.public.certificates

    @property
    def public_https(self) -> bool:
        """Whether its public load balancer speaks HTTPS."""
        with_domain = self.own_domain and (self.delegated or self.domain_zone is not None)
        return with_domain or bool(self.manifest.http.public.certificates)

    @property
    def private_https(self) -> bool:
        """Whether its internal load balancer speaks HTTPS."""
        return bool(self.manifest.http.private.certificates)


@dataclass(frozen=True)
class SubnetPlan:
    """A subnet to make. ``zone`` is its availability zone; None: the one that comes next in the region."""

    cidr: str
    zone: str | None


@dataclass(frozen=True)
class NetworkPlan:
    """A network to make."""

    cidr: str
    public: tuple[SubnetPlan, ...]
    private: tuple[SubnetPlan, ...]


def planned_network(manifest: EnvironmentManifest) -> NetworkPlan:
    """The network that the manifest asks for; without a word in it, AWS Copilot's: two subnets of each kind in two zones."""
    vpc = manifest.network.vpc
    return NetworkPlan(vpc.cidr or _CIDR, _planned(vpc.subnets.public, _PUBLIC), _planned(vpc.subnets.private, _PRIVATE))


def _planned(subnets: tuple[Subnet, ...], otherwise: tuple[str, ...]) -> tuple[SubnetPlan, ...]:
    if not subnets:
        return tuple(SubnetPlan(cidr, None) for cidr in otherwise)
    # Their numbers must be those that AWS Copilot gives: in the order of their zones.
    ordered = sorted(subnets, key=lambda subnet: subnet.az or "")
    return tuple(SubnetPlan(str(subnet.cidr), subnet.az) for subnet in ordered)
