"""PostgreSQL servers behind DB instances."""
