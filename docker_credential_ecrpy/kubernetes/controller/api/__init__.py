"""The Kubernetes API, through the official client: requests, their errors, and watches."""
