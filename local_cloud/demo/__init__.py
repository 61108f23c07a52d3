"""The demonstration: synthesizes and deploys this project's catalog, then launches a product or serves."""
