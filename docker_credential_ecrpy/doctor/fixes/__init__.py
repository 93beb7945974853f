"""Fixes of `doctor` and `explain` that need more than the check that failed."""
