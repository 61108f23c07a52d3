"""EC2: quotas, and what keeps a network from being deleted."""
