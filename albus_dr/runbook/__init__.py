"""The YAML a user writes: what is protected (runbook) and where it lives (config)."""
