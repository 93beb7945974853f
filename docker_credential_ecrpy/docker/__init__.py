"""Docker's config.json and what `configure` does to it: discover, plan, diff, apply, undo."""
