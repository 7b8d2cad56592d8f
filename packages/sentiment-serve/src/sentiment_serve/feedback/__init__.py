"""What happens to a prediction afterwards: its record, and the true label."""
