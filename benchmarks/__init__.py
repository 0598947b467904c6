"""What albus-dr costs, measured beside what people would do without it, in the same run."""
