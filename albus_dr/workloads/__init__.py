"""The kinds of protected things: which steps each operation needs for them, and what each step does."""
