"""Safe file access: the cache's private files, and the user's own."""
