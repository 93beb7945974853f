"""A loopback world for tests: an AWS that checks its requests, and a registry like ECR's.

Nothing in here imports the package under test, so that a mistake cannot agree with itself.
"""
