"""Registry credentials for Kubernetes: in the cluster, pull secrets that are kept fresh."""
