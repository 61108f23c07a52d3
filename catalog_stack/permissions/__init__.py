"""Who may do what: the engine's functions, the roles of a launch, and the boundary."""
