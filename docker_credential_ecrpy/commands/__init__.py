"""What a person types, one module a command; `program` has them all."""
