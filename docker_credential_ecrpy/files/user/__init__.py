"""The user's own files, such as config.json: permissions, backups, and other writers."""
