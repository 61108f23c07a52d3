"""Wait until the stack operation has ended, and say why it failed."""
