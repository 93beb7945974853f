"""What a cached `get` loads: these modules, `os`, `sys`, `time` and `stat`, and nothing else."""
