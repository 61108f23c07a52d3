"""IAM and STS. Policies, boundaries and trust policies decide here; moto allows every request."""
