"""What goes wrong on request: AWS APIs, databases, stacks."""
