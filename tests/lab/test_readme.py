"""What the README tells a newcomer to do works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from triplane import cli
from triplane.lab.lab import Lab, LabOptions
from triplane.lab.playground import ping_all
from triplane.lab.topology import choose

README = Path(__file__).parents[2] / "README.md"


def test_the_first_controller_script_joins_two_ports(prefix: str, tmp_path: Path) -> None:
    (script,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    path = tmp_path / "cable.py"
    path.write_text(script)
    with Lab(choose("single", None, 2), LabOptions(prefix=prefix, apps=[str(path)])) as lab:
        assert ping_all(lab) == 0


def test_each_command_that_it_names_exists() -> None:
    named = set(re.findall(r"^(?:\.venv/bin/|\$ \.venv/bin/)?triplane (\w+)", README.read_text(), re.MULTILINE))
    assert named == set(cli.COMMANDS)


@pytest.mark.parametrize("name", ["ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "LICENSE"])
def test_its_links_lead_somewhere(name: str) -> None:
    assert f"]({name})" in README.read_text()
    assert (README.parent / name).is_file()
