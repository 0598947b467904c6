"""Runbook and operation become a frozen plan: a DAG, its stable order, its critical path, its digest."""
