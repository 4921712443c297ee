"""All that the stack of a workload in an environment is made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from copilot.manifest.workload import Workload


@dataclass(frozen=True)
class EnvironmentFacts:
    """What a workload's stack must know of its environment beforehand; everything else it imports from the environment's stack.

    Attributes:
        account: Number of the AWS account.
        region: Region it is in.
        partition: ``aws``, ``aws-cn`` or ``aws-us-gov``.
        domain: The application's domain, which the environment has a subdomain of; None without one.
        public_certificates: Whether certificates were imported for the public load balancer. Likewise private.
        private_subnets: Whether it has subnets that are not public.
        makes_aliases: Whether it makes certificates and records itself for all names in the domain that workloads have in
            ``http.alias``, as environments that AWS Copilot made do.
    """

    account: str
    region: str
    partition: str = "aws"
    domain: str | None = None
    public_certificates: bool = False
    private_certificates: bool = False
    private_subnets: bool = True
    makes_aliases: bool = False


@dataclass(frozen=True)
class Addons:
    """The resources that a workload's ``addons/`` folder adds, as a nested stack.

    ``outputs`` tells for each of its outputs what the workload makes of it: ``variable``, ``secret``, ``policy`` or
    ``security group``. ``parameters`` are text, or functions of the workload's template as plain data.
    """

    template_url: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class WorkloadSettings:
    """A workload, as it is to be in one environment.

    Attributes:
        manifest: Resolved for the environment, with placeholders filled in.
        manifest_text: The text it was read from, which the template keeps for `svc show --manifest`; empty: it does not.
        image: Full reference of the image, with its digest if it was built; None: the manifest's own ``location``.
        sidecar_images: Likewise for sidecars that were built, by name.
        env_files: ARN in S3 of each container's file of variables, by container; the main one has the workload's name.
        rule_place: The place among all services of the application that priorities of listener rules are counted from.
        artifact_key: ARN of the KMS key of the application in this region.
        permissions_boundary: Name of the policy that bounds every role that is made; None without.
        tags: Those of the application that go on everything.
    """

    application: str
    environment: str
    manifest: Workload
    facts: EnvironmentFacts
    manifest_text: str = ""
    image: str | None = None
    sidecar_images: Mapping[str, str] = field(default_factory=dict)
    env_files: Mapping[str, str] = field(default_factory=dict)
    rule_place: int = 0
    artifact_key: str = ""
    addons: Addons | None = None
    permissions_boundary: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
