"""In the place of `boto3.compat`: what boto3's transfers to and from S3 go by, without them.

For it alone boto3 loads s3transfer, and that `multiprocessing`.
"""


def _warn_deprecated_python() -> None:
    """Do nothing: the interpreter came along."""
