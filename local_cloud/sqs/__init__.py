"""SQS. Queues are safe for threads, wait in the cloud's time, and evaluate their own policies."""
