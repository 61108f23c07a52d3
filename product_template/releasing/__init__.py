"""How a version of the product is made, read and compared."""
