"""What the verbs share: the contract, the errors, and one module for each neighbour the engine talks to."""
