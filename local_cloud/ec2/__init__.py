"""EC2, with quotas, and with DependencyViolation for networks in use."""
