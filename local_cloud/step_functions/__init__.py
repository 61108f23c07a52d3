"""Step Functions: moto's interpreter, with AWS's errors, times, refusals, events and log lines."""
