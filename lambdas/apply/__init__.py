"""Start the stack operation: the planned changes, or the deletion."""
