"""Hot path: a cached `get` loads five modules of this room, and `os`, `sys`, `time` and `stat`.

`import_path`, `watchdog` and `values` are for what comes after it.
"""
