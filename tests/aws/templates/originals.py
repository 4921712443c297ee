"""What AWS Copilot 1.34 deployed for an application: resources with what they cannot change, and what it reads back itself."""

from __future__ import annotations

from collections.abc import Sequence

from copilot.aws import names

ROLES = """\
AWSTemplateFormatVersion: 2010-09-09
Metadata:
  TemplateVersion: 'v1.34.1'
Parameters:
  AdminRoleName: {Type: String}
  ExecutionRoleName: {Type: String}
  DNSDelegationRoleName: {Type: String, Default: ''}
  AppDNSDelegatedAccounts: {Type: CommaDelimitedList, Default: ''}
  AppDomainName: {Type: String, Default: ''}
  AppDomainHostedZoneID: {Type: String, Default: ''}
  AppName: {Type: String}
Conditions:
  DelegateDNS: !Not [!Equals [!Ref AppDomainName, '']]
Resources:
  AdministrationRole:
    Type: AWS::IAM::Role
    Properties:
      RoleName: !Ref AdminRoleName
      AssumeRolePolicyDocument: &trust
        Version: '2012-10-17'
        Statement:
          - {Effect: Allow, Principal: {Service: cloudformation.amazonaws.com}, Action: ['sts:AssumeRole']}
      Path: /
  ExecutionRole:
    Type: AWS::IAM::Role
    Properties: {RoleName: !Ref ExecutionRoleName, AssumeRolePolicyDocument: *trust, Path: /}
  DNSDelegationRole:
    Type: AWS::IAM::Role
    Condition: DelegateDNS
    Properties: {RoleName: !Ref DNSDelegationRoleName, AssumeRolePolicyDocument: *trust, Path: /}
  AppHostedZone:
    Type: AWS::Route53::HostedZone
    Condition: DelegateDNS
    Properties:
      Name: !Sub ${AppName}.${AppDomainName}
  AppDomainDelegationRecordSet:
    Type: AWS::Route53::RecordSet
    Condition: DelegateDNS
    Properties:
      HostedZoneId: !Sub ${AppDomainHostedZoneID}
      Name: !Sub ${AppName}.${AppDomainName}.
      Type: NS
      TTL: '900'
      ResourceRecords: !GetAtt AppHostedZone.NameServers
Outputs:
  ExecutionRoleARN: {Value: !GetAtt ExecutionRole.Arn}
  AdministrationRoleARN: {Value: !GetAtt AdministrationRole.Arn}
  TemplateVersion: {Value: v1.34.1}
"""

_HEAD = """\
AWSTemplateFormatVersion: '2010-09-09'
Metadata:
  TemplateVersion: 'v1.34.1'
  Version: {version}
  Workloads:{workloads}
  Accounts:{accounts}
  Services: "See #5140"
Resources:
  KMSKey:
    Type: AWS::KMS::Key
    Properties:
      EnableKeyRotation: true
      KeyPolicy:
        Version: '2012-10-17'
        Statement:
          - Effect: Allow
            Principal: {{AWS: !Sub 'arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:root'}}
            Action: ['kms:Create*', 'kms:Put*', 'kms:ScheduleKeyDeletion']
            Resource: '*'
  PipelineBuiltArtifactBucketPolicy:
    Type: AWS::S3::BucketPolicy
    DependsOn: PipelineBuiltArtifactBucket
    Properties:
      Bucket: !Ref PipelineBuiltArtifactBucket
      PolicyDocument:
        Version: '2012-10-17'
        Statement:
          - Effect: Allow
            Principal: {{AWS: !Sub 'arn:${{AWS::Partition}}:iam::${{AWS::AccountId}}:root'}}
            Action: ['s3:*']
            Resource: !Sub ${{PipelineBuiltArtifactBucket.Arn}}/*
  PipelineBuiltArtifactBucket:
    Type: AWS::S3::Bucket
    Properties:
      VersioningConfiguration: {{Status: Enabled}}
"""
_REPOSITORY = """\
  {logical_id}:
    Type: AWS::ECR::Repository
    Properties:
      RepositoryName: {repository}
      Tags: [{{Key: copilot-service, Value: {name}}}]
"""
_OUTPUTS = """\
Outputs:
  KMSKeyARN:
    Value: !GetAtt KMSKey.Arn
    Export: {{Name: {application}-ArtifactKey}}
  PipelineBucket:
    Value: !Ref PipelineBuiltArtifactBucket
  TemplateVersion: {{Value: v1.34.1}}
  StackSetOpId: {{Value: '{version}'}}
"""


def infrastructure(application: str, workloads: Sequence[str], accounts: Sequence[str], version: int) -> str:
    """The StackSet's template; every workload has a repository."""
    listed = "".join(f"\n    - Name: {name}\n      WithECR: true" for name in workloads) or " []"
    numbers = "".join(f"\n    - {account}" for account in accounts) or " []"
    text = _HEAD.format(version=version, workloads=listed, accounts=numbers)
    ids = {name: names.repository_output(name) for name in workloads}
    for name in workloads:
        text += _REPOSITORY.format(logical_id=ids[name], repository=f"{application}/{name}", name=name)
    text += _OUTPUTS.format(application=application, version=version)
    return text + "".join(f"  {ids[name]}: {{Value: !GetAtt {ids[name]}.Arn}}\n" for name in workloads)
