"""A loopback API server of Kubernetes: the parts that a client of secrets meets."""
