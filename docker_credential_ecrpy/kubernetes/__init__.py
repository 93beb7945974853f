"""Registry credentials for Kubernetes: on nodes for the kubelet, in the cluster as pull secrets."""
