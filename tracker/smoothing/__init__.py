"""Smoothing over a whole clip: what the slots said of it forwards and backwards becomes one set of identities."""
