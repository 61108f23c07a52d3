"""Step Functions: moto's interpreter with the errors, times, refusals and reports of AWS."""
