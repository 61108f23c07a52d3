"""RDS for PostgreSQL. Its operations take time, and it refuses what AWS refuses; moto does all at once."""
