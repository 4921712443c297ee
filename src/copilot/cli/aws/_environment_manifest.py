"""The manifest that ``copilot env init`` writes for an environment on AWS."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from copilot.errors import UsageError


@dataclass(frozen=True)
class NetworkAnswers:
    """What the flags of ``env init`` say about the network; empty: nothing.

    Attributes:
        vpc: ID of an existing VPC, with its public and private subnets.
        vpc_cidr: Range of a VPC to make, with the ranges of its subnets and the zones they are in, one public and one private
            subnet in each.
        certificates: ARNs of certificates for the public load balancer.
        internal_subnets: Subnets of the internal load balancer, among the existing ones.
        internal_vpc_ingress: Whether the internal load balancer takes requests from all of the VPC.
        insights: Whether containers are watched by Container Insights.
    """

    vpc: str = ""
    public_subnets: tuple[str, ...] = ()
    private_subnets: tuple[str, ...] = ()
    vpc_cidr: str = ""
    public_cidrs: tuple[str, ...] = ()
    private_cidrs: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    certificates: tuple[str, ...] = ()
    internal_subnets: tuple[str, ...] = ()
    internal_vpc_ingress: bool = False
    insights: bool = False

    @property
    def imports(self) -> bool:
        """Whether an existing network is used."""
        return bool(self.vpc or self.public_subnets or self.private_subnets)

    @property
    def changes(self) -> bool:
        """Whether a network is made that is not the usual one."""
        return bool(self.vpc_cidr or self.public_cidrs or self.private_cidrs or self.zones)

    def check(self) -> None:
        """Raises UsageError if the flags do not fit each other."""
        if self.imports and self.changes:
            raise UsageError("`--import-…` and `--override-…` cannot be used together: a network exists, or it is made")
        if self.imports and not self.vpc:
            raise UsageError("`--import-vpc-id` is missing", hint="it names the VPC that the subnets are in")
        if self.vpc and not (self.public_subnets or self.private_subnets):
            raise UsageError(
                "an existing VPC needs its subnets",
                hint="name them with `--import-public-subnets` and `--import-private-subnets`",
            )
        if self.internal_subnets and not self.imports:
            raise UsageError("`--internal-alb-subnets` needs an existing network", hint="name it with `--import-vpc-id`")
        if self.changes:
            self._check_changes()

    def _check_changes(self) -> None:
        given = {
            "--override-vpc-cidr": self.vpc_cidr,
            "--override-az-names": self.zones,
            "--override-public-cidrs": self.public_cidrs,
            "--override-private-cidrs": self.private_cidrs,
        }
        missing = [flag for flag, value in given.items() if not value]
        if missing:
            raise UsageError(
                f"`{missing[0]}` is missing", hint="the flags `--override-…` describe a whole network: give all four"
            )
        if not len(self.zones) == len(self.public_cidrs) == len(self.private_cidrs):
            raise UsageError(
                "`--override-az-names`, `--override-public-cidrs` and `--override-private-cidrs` must have as many values each"
            )
        if len(self.zones) < 2:
            raise UsageError("`--override-az-names` must have at least two zones: a load balancer needs two")


def environment_manifest(name: str, network: NetworkAnswers) -> str:
    """The manifest's text."""
    return "\n".join([*_head(name), *_network(network), *_http(network), *_insights(network)]) + "\n"


def _head(name: str) -> Iterator[str]:
    yield f"# The environment `{name}`. What there may be in it: docs/aws.md. `copilot env deploy --name {name}` makes it so."
    yield f"name: {name}"
    yield "type: Environment"


def _network(network: NetworkAnswers) -> Iterator[str]:
    yield ""
    if network.imports:
        yield "network:"
        yield "  vpc:"
        yield f"    id: {network.vpc}"
        yield "    subnets:"
        for kind, ids in (("public", network.public_subnets), ("private", network.private_subnets)):
            if ids:
                yield f"      {kind}:"
                yield from (f"        - id: {id_}" for id_ in ids)
    elif network.changes:
        yield "network:"
        yield "  vpc:"
        yield f"    cidr: {network.vpc_cidr}"
        yield "    subnets:"
        for kind, cidrs in (("public", network.public_cidrs), ("private", network.private_cidrs)):
            yield f"      {kind}:"
            for cidr, zone in zip(cidrs, network.zones, strict=True):
                yield f"        - cidr: {cidr}"
                yield f"          az: {zone}"
    else:
        yield "# It has a network of its own, in two zones. For one that exists:"
        yield "# network:"
        yield "#   vpc:"
        yield "#     id: vpc-0123456789abcdef0"
        yield "#     subnets:"
        yield "#       public: [{id: subnet-0a}, {id: subnet-0b}]"
        yield "#       private: [{id: subnet-0c}, {id: subnet-0d}]"


def _http(network: NetworkAnswers) -> Iterator[str]:
    public, private = network.certificates, (network.internal_subnets or network.internal_vpc_ingress)
    if not public and not private:
        return
    yield ""
    yield "http:"
    if public:
        yield "  public:"
        yield from _list("    certificates", public)
    if private:
        yield "  private:"
        if network.internal_subnets:
            yield from _list("    subnets", network.internal_subnets)
        if network.internal_vpc_ingress:
            yield "    ingress:"
            yield "      vpc: true"


def _insights(network: NetworkAnswers) -> Iterator[str]:
    yield ""
    yield "observability:"
    yield f"  container_insights: {str(network.insights).lower()}"


def _list(key: str, values: Sequence[str]) -> Iterator[str]:
    yield f"{key}:"
    indent = " " * (len(key) - len(key.lstrip()) + 2)
    yield from (f"{indent}- {value}" for value in values)
