"""Sessions in the AWS CLI's caches: of IAM Identity Center, of `aws login`, and of roles."""
