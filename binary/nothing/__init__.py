"""In the place of a package whose modules are imported one by one."""
