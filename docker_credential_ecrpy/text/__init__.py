"""Text that users read: sanitized, timed, logged, or printed on a terminal."""
