"""The HTTP server on the loopback port: the door decides who may come in, then moto answers."""
