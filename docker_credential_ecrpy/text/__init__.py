"""Text for users: sanitizing, times, log lines and the terminal."""
