"""The command line: arguments, streams, exit codes, and the commands that users type."""
