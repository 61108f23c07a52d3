"""KMS, with key policies that decide, the lockout safety check, and tags and aliases that count later."""
