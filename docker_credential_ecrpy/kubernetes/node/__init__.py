"""The kubelet's configuration on a node: written, installed and checked."""
