"""IAM and STS, where moto lets pass what AWS refuses."""
