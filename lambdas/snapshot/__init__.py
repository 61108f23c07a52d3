"""Take the snapshot before a major version upgrade, and delete it with its provisioned product."""
