"""What happened: append-only, hash-chained events, and the state of a run folded from them."""
