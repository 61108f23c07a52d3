"""The demonstration: synthesizes this project's catalog, deploys it, launches it or serves it."""
