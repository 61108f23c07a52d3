"""SQS: queues for many threads, in the cloud's time, and what their own policies say of a request."""
