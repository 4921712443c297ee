"""The template of a pipeline on AWS CodePipeline."""
