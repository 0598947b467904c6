"""What goes wrong, tried on two real sites: `make faults` writes docs/faults.md."""
