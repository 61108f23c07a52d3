"""RDS for PostgreSQL: instances that take their time, snapshots, exports, what AWS refuses."""
