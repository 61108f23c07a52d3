"""EventBridge. Its rules and schedules deliver to real targets, where resource policies allow it."""
