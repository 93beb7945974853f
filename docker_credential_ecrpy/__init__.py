"""A Docker credential helper for Amazon ECR, speaking the ecr-login protocol."""

__version__ = "0.1.0"
