"""The environment's part of the application's domain: its zone in Route 53 and its certificate.

AWS Copilot makes the certificate and the delegation with functions of its own. Here they are CloudFormation's resources. The
certificate is for ``<env>.<app>.<domain>`` and all names directly below it. A service may have these in ``http.alias`` and makes
their records itself; any other name in the domain is refused there. What differs from AWS Copilot:

* `HTTPSCert` is an ``AWS::CertificateManager::Certificate``, not a ``Custom::CertificateValidationFunction``. A resource cannot
  change its type, so in an environment that AWS Copilot made it stays what it is, with its function (see `kept`).
* The delegation in the application's zone is `DelegationRecord`. If the application is in another account, it is made without
  CloudFormation, before the certificate. AWS Copilot's `DelegateDNSAction` is kept likewise: without it the record would go.
* A new environment has no `CertificateValidationFunction`, `DNSDelegationFunction`, `CustomDomainFunction`, `CustomDomainAction`
  and `CustomResourceRole`.
"""

from __future__ import annotations

from typing import Any

from troposphere import AWSObject, GetAtt, Ref, Sub, certificatemanager, route53

from copilot.aws.templates.environment.settings import EnvironmentSettings
from copilot.aws.templates.rendering import described

CERTIFICATE = "HTTPSCert"
ZONE = "EnvironmentHostedZone"
SUBDOMAIN = "${EnvironmentName}.${AppName}.${AppDNSName}"
NAME_SERVERS = "EnvironmentNameServers"
"""The output with the servers of the zone, for an application in another account to refer to."""
_DELEGATION = "DelegationRecord"


def domain(settings: EnvironmentSettings) -> list[AWSObject]:
    """The zone of the environment, and its certificate as soon as the zone can be found by the internet."""
    if not settings.own_domain:
        return []
    zone = route53.HostedZone(
        ZONE,
        HostedZoneConfig=route53.HostedZoneConfiguration(
            Comment=Sub(f"HostedZone for environment ${{EnvironmentName}} - {SUBDOMAIN}")
        ),
        Name=Sub(SUBDOMAIN),
        Metadata=described("A zone for the environment's part of the domain"),
    )
    resources: list[AWSObject] = [zone]
    if settings.domain_zone:
        resources.append(_delegation(settings.domain_zone))
    if settings.public_https:
        resources.append(_certificate(settings))
    return resources


def _delegation(zone: str) -> route53.RecordSetType:
    return route53.RecordSetType(
        _DELEGATION,
        HostedZoneId=zone,
        Name=Sub(f"{SUBDOMAIN}."),
        Type="NS",
        TTL="60",
        ResourceRecords=GetAtt(ZONE, "NameServers"),
        Metadata=described("The record in the application's zone by which the internet finds the environment's"),
    )


def _certificate(settings: EnvironmentSettings) -> certificatemanager.Certificate:
    waiting: dict[str, Any] = {"DependsOn": _DELEGATION} if settings.domain_zone else {}
    proof = certificatemanager.DomainValidationOption(DomainName=Sub(SUBDOMAIN), HostedZoneId=Ref(ZONE))
    return certificatemanager.Certificate(
        CERTIFICATE,
        DomainName=Sub(SUBDOMAIN),
        SubjectAlternativeNames=[Sub(f"*.{SUBDOMAIN}")],
        # Names that differ in the asterisk only are proven by the same record.
        DomainValidationOptions=[proof],
        ValidationMethod="DNS",
        Metadata=described("A certificate for the environment's part of the domain"),
        **waiting,
    )
