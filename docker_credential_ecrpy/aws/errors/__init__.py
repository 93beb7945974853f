"""Errors for botocore's exceptions: the cause, and what to do."""
