"""Ask CloudFormation what the operation would change, and refuse changes that would lose data."""
