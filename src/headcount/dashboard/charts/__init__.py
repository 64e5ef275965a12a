"""Charts: rows as pictures."""
