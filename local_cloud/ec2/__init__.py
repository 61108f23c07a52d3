"""EC2: what keeps a network from being deleted."""
