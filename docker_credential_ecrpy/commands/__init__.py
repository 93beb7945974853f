"""Cold layer: what a person types, one module a command; `program` has them all."""
