"""Values in AWS's files and variables with something in them that does not belong there."""

import re

QUOTES = "\"'\u201c\u201d\u2018\u2019"
_VARIABLE = re.compile(r"\$\{?\w|\$\(|\$\{\{|\{\{|%\w+%")


def find_surplus(value: str) -> tuple[str, str] | None:
    """Return what is around or behind a value, and the cure; None for nothing."""
    text = value.strip()
    if text != value:
        end = "a carriage return, as a Windows line does" if "\r" in value else "a blank"
        return f"begins or ends with {end}", "set it again without that"
    if text and (text[0] in QUOTES or text[-1] in QUOTES):
        return "is in quotes, which are taken as a part of it", "remove the quotes"
    if re.search(r"\s[#;]", text):
        return "has a comment behind it, which is taken as a part of it", "remove the comment"
    return None


def find_variable(value: str) -> tuple[str, str] | None:
    """Return that a value has a variable that nothing has replaced, and the cure; None without."""
    if not _VARIABLE.search(value):
        return None
    return "has a variable in it, which the AWS SDK does not replace", "write its value instead"
