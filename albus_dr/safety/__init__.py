"""Who may change what: the witness's record, the rule over it, and the register that keeps it."""
