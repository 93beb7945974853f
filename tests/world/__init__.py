"""A loopback world to test in: an AWS that checks what it is asked, and a registry like ECR's.

Nothing in here imports the package under test, so that a mistake cannot agree with itself.
"""
