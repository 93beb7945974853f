"""The fault campaign: many processes, many faults, and a check of every answer.

`dice` makes an episode from a seed, as a `plan`; `play` runs it and records its `history`;
`answers` and `leftovers` check it; `shrink` finds the few steps that a failure needs.
Start it with `python -m tests.chaos --help`.
"""
