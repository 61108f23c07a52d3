"""S3: what roles may do, and until when a version of an object is kept."""
