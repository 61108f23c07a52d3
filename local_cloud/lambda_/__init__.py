"""Lambda. It runs the deployed package in processes of this machine."""
