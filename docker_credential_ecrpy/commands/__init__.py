"""Cold layer: the commands that a person types, one a module."""
