"""The protocol's actions, which Docker calls and the hot path cannot answer."""
