"""A run over one source: its files, its counts, its summary, its page."""
