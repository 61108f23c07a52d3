"""EventBridge: the default bus, its rules and schedules, and the targets that they deliver to."""
