"""One file per external program or service. Only this package starts processes or opens connections."""
