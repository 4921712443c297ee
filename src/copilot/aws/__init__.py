"""The engine for AWS: CloudFormation, CodePipeline, CodeBuild, ECR, ECS and what they need.

Names of stacks, exports, roles, parameters and tags are AWS Copilot's, so that what it made is read and updated in place.
"""
