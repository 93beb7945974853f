"""The kubelet's image credential provider: one request in, one answer out."""
