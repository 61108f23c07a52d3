"""The provisioning engine: queues, functions, state machine, safety net."""
