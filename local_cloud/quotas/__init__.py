"""Service Quotas, and their enforcement."""
