"""Other programs, and the time that this one may take."""
