"""CloudWatch, with the metric FreeStorageSpace of DB instances."""
