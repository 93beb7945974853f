"""Replaces a package whose modules are imported one by one."""
