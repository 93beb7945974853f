"""The controller that keeps pull secrets fresh: its client of the API, its rounds and its loop.

This room and no other loads the official client, which the extra `kubernetes` installs.
"""
