"""A Docker credential helper for Amazon ECR, speaking the ecr-login protocol."""

__version__ = "0.1.0"
PACKAGE = "docker-credential-ecrpy"
"""What the package is called, and one of its programs."""
HOMEPAGE = "https://github.com/docker-credential-ecrpy/docker-credential-ecrpy"
"""Where the project is, and where to report what goes wrong."""
