"""The path of the tree under test."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
