"""A real kube-apiserver on a real etcd, with the doors of the loopback API."""
