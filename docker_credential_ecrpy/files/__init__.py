"""Safe access to files: private ones of the cache, and those of users."""
