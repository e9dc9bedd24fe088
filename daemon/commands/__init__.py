"""The commands, by the question that they answer. Each opens what it needs, calls the piece that knows, prints."""
