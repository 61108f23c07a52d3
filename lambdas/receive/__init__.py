"""Start one execution for each operation that Service Catalog puts into a queue."""
