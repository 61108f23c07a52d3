"""See whether CloudFormation is done, and say why it failed."""
