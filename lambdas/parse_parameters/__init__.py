"""Tell Service Catalog which inputs a version takes."""
