"""The folded journal, for people and machines: HTML, JSON, Markdown, JUnit."""
