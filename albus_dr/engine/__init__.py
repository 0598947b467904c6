"""Runs a plan durably: order, timeouts, retries, approvals, resume."""
