"""Replaces `boto3.compat`, without the settings of boto3's transfers to and from S3.

Only this module makes boto3 load s3transfer, which loads `multiprocessing`.
"""


def _warn_deprecated_python() -> None:
    """Do nothing: the interpreter is part of the program."""
