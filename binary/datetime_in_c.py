"""Replaces `datetime` of Python 3.11, which runs its own version in Python before that in C.

It is as in Python 3.12 and later.
"""

from _datetime import *  # type: ignore[import-not-found]  # noqa: F403 - all names; no stub
