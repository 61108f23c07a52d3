"""The platform team's commands: they list the engine's operations and end one that is stuck."""
