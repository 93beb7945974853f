"""Requests that only `explain` and `doctor` make: to AWS and to the registry."""
