"""Readiness rules, one file per group."""
