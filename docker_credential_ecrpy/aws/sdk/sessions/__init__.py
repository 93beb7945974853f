"""Sessions in the caches of the AWS CLI: IAM Identity Center's, of `aws login`, and of roles."""
