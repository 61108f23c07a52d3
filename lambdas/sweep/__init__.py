"""Answer, every quarter of an hour, what the other parts of the safety net have missed."""
