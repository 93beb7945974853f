"""Where the tree is that the tests are of."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
