"""The actions of the protocol: what Docker calls when the hot path cannot answer."""
