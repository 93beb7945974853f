"""Three accounts, their registries, and the lines of a profile or a rule."""

from tests.world.aws import Keys

A, B, C = "123456789012", "210987654321", "321098765432"

US = "{}.dkr.ecr.us-east-1.amazonaws.com"
EU = "{}.dkr.ecr.eu-west-1.amazonaws.com"


def profile(name: str, keys: Keys, more: str = "") -> str:
    """Return the lines of a profile with static keys."""
    lines = "\n".join(f"{key.lower()} = {value}" for key, value in keys.environ.items())
    return f"[profile {name}]\n{lines}\n{more}"


def rule(match: str, **keys: str) -> str:
    """Return the lines of a rule."""
    lines = "".join(f'{key} = "{value}"\n' for key, value in keys.items())
    return f'[[registry]]\nmatch = "{match}"\n{lines}'
