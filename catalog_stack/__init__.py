"""What `cdk deploy CatalogStack` deploys: the catalog, the engine behind it, and the roles they work with."""
