"""The manifests of the controller: what is applied to a cluster, for given options."""
