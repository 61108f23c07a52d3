"""Read the live resources and check that they are what the product promises."""
