"""SNS. Email subscriptions need a confirmation, mails are kept, and policies decide who publishes."""
