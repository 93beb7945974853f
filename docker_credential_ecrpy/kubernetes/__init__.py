"""Registry credentials for Kubernetes nodes, by the kubelet's credential provider protocol."""
