"""The lines of keys in config.toml."""

import pytest

from docker_credential_ecrpy.errors import HelperError
from docker_credential_ecrpy.settings.toml_document import TOP, TomlDocument

LINES = """\
# [[registry]]
"fallback" = '''pass'''  # "

[[ registry ]] # the first
match = "1" # '''
profile = \"\"\"a
[[registry]]
b = 1\"\"\"

[[registry]]

'role_arn'='x#"'
external_id = "\\"]"
duration = [ # {
  1, ']',
  2,
]
registry.host = 1

[other]
match = 1
[[registry]]
match = ''
"""


@pytest.mark.parametrize("text", ["\r", "\r\r\n\n", 'fallback = "pass"\r\r\n', "# a\rb"])
def test_a_carriage_return_alone_ends_no_line(text: str) -> None:
    """What other TOML parsers refuse is refused here, too."""
    with pytest.raises(HelperError, match=r"^x:1: this is not TOML: "):
        TomlDocument("x", text.encode(), "registry")


@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["unix", "windows"])
def test_the_lines_of_keys(end: str) -> None:
    """Multi-line strings, comments and nested quotes do not shift the lines."""
    source = TomlDocument("x", LINES.replace("\n", end).encode(), "registry")
    expected = {
        (TOP, "fallback"): 2,
        (0, ""): 4,
        (0, "match"): 5,
        (0, "profile"): 6,
        (1, ""): 10,
        (1, "role_arn"): 12,
        (1, "external_id"): 13,
        (1, "duration"): 14,
        (1, "registry"): 18,
        (TOP, "other"): 20,
        (2, "match"): 23,
    }

    assert {key: source.line(*key) for key in expected} == expected
    assert source.line(0, "no such key") == 4
