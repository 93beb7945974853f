"""Faults in AWS's files, keys and variables on this machine; looked for after a failure only."""
