"""KMS: key policies that decide, the check against locking oneself out, tags and aliases that count later."""
