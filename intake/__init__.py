"""How does the record come in, and which commands change it."""
