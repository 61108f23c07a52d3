"""Start the planned changes, or the deletion."""
