"""Subscribe the ops emails to the alert topic, and announce an update there."""
