"""CloudWatch Logs, where moto keeps two metric filters of one name."""
