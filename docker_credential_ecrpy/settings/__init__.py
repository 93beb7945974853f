"""Our own settings, `~/.ecr/config.toml`: read, checked, matched and edited."""
