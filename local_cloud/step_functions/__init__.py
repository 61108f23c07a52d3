"""Step Functions: moto's interpreter with the errors, times and reports of AWS."""
