"""S3, with identity policies for roles, and GetObjectRetention."""
