"""CloudWatch: the one metric that is measured here."""
