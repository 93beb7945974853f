"""Programs: found on PATH, run with bounds, and ended with this one."""
