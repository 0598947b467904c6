"""One signed file about one run, for an auditor: a DSSE envelope over an in-toto statement, from the folded journal."""
