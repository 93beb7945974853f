"""The files that package managers read, filled from the artifacts of a release."""
