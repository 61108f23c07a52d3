"""What the platform team can see of the engine's operations, and how it ends one that is stuck."""
