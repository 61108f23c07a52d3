"""Give Service Catalog the one answer it waits for."""
