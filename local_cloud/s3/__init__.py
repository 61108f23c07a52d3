"""S3: what moto keeps and does not tell."""
