"""The checks of `doctor`: what the facts mean. They make no network call."""
