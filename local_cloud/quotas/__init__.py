"""Service Quotas, which the services here enforce."""
