"""Take the snapshot that a major version upgrade can be undone with, and delete it with its product."""
