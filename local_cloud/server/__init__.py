"""The loopback port: who may come in, and moto behind it."""
