"""IAM, where moto lets pass what AWS refuses."""
