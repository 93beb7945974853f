"""The program of a profile's credential_process, and what it answers."""
