"""Image pull secrets: their values, when they are due, and where they belong."""
