"""SNS: email subscriptions that somebody has to confirm, the mail, and policies that decide who publishes."""
