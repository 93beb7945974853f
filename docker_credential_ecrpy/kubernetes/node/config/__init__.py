"""The kubelet's configuration of its credential providers: read, checked, matched, edited."""
