"""SNS: email subscriptions that somebody has to confirm, and the mail."""
