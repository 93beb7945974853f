"""Hot path: a cached `get` loads only these modules, `os`, `sys`, `time` and `stat`."""
