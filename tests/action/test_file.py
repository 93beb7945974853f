"""Facts about action.yml itself, and about what its steps tell the runner."""

import os
import subprocess
import sys
from pathlib import Path

from tests.world.runner import ACTION, ROOT, read_values


def test_inputs_reach_scripts_through_the_environment_alone() -> None:
    """No expression is in a script; each input is in a step's variables, and read by name."""
    steps = ACTION["runs"]["steps"]
    variables = {name: text for step in steps for name, text in step["env"].items()}

    assert all("${{" not in step["run"] and step["shell"] == "bash" for step in steps)
    expected = {
        f"INPUT_{name.upper().replace('-', '_')}": f"${{{{ inputs.{name} }}}}"
        for name in ACTION["inputs"]
    }
    assert variables == expected
    text = (ROOT / "action.yml").read_text() + (ROOT / "action/python.sh").read_text()
    assert "runner.temp" not in text
    assert "github.action_path" not in text


def test_a_value_cannot_end_itself(tmp_path: Path) -> None:
    """What the runner reads is the value, whatever it holds."""
    code = "import os, runner; runner.set_output(os.environ, 'a', 'x\\nend\\nb=1'); "
    code += "runner.say_verbatim('::error::no'); runner.say_error('100%\\nof')"
    output = tmp_path / "output"
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "action"), "GITHUB_OUTPUT": str(output)}
    command = [sys.executable, "-B", "-c", code]
    done = subprocess.run(command, env=environ, capture_output=True, check=True, text=True)

    assert read_values(output) == {"a": "x\nend\nb=1"}
    lines = done.stdout.splitlines()
    assert lines[0].startswith("::stop-commands::")
    assert lines[1:3] == ["::error::no", f"::{lines[0].rpartition(':')[2]}::"]
    assert lines[3].endswith("::100%25%0Aof")
