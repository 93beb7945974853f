"""The connections to AWS: proxies, trusted certificates, and the clock of a server."""
