"""Errors for boto3's exceptions: the cause, and what to do."""
