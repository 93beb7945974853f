"""What a Secret contains: the logins in its data, and the record of them in its annotations."""
