"""The fault campaign: many processes, much that goes wrong, and every answer checked.

`dice` makes an episode from a seed, as a `plan`; `play` carries it out and writes down its
`history`; `answers` and `leftovers` check it; `shrink` finds the few steps that a failure takes.
The way in is `python -m tests.chaos --help`.
"""
