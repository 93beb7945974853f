"""Reader of one `[[registry]]` table of the settings that has no mistake.

Without the checks of `rule_parser`, whose expressions take longer to compile than a file to read.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any

from docker_credential_ecrpy.hot import registry
from docker_credential_ecrpy.settings import patterns
from docker_credential_ecrpy.settings.rules import Place, Role, Rule
from docker_credential_ecrpy.settings.toml_document import TomlDocument

ROLE_KEYS = ("external_id", "role_session_name", "duration")
"""The keys of a rule that belong to its role."""


def read(source: TomlDocument, number: int, table: Mapping[str, Any]) -> Rule:
    """Return the rule in a table that `rule_parser` has accepted before, or will check."""
    role = None
    if "role_arn" in table:
        options = {key.removeprefix("role_"): table[key] for key in ROLE_KEYS if key in table}
        role = Role(table["role_arn"], **options)
    return Rule(
        patterns.parse(table["match"]),
        {key: Place(source.file, partial(source.line, number, key)) for key in table},
        table.get("profile", ""),
        role,
        registry.parse(table.get("registry", "")),
        table.get("endpoint_url", "").rstrip("/"),
        table.get("region", ""),
    )
