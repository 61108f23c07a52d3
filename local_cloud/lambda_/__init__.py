"""Lambda: the deployed package runs in processes of its own."""
