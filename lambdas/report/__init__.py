"""Give Service Catalog the one answer that it waits for."""
