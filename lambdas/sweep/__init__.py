"""Look again, every quarter of an hour, for what every other net has missed."""
