"""Tell Service Catalog which inputs a version of the product takes."""
