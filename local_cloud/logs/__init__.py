"""CloudWatch Logs. PutMetricFilter replaces a filter of the same name."""
