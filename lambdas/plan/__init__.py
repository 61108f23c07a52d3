"""Ask CloudFormation what the operation would change, and refuse what would lose data."""
