"""AWS on one machine: see README.md."""
