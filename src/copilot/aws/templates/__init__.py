"""CloudFormation templates, made as objects and never as text. Pure: nothing here asks AWS."""
