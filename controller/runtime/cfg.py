"""Options (Ryu's `ryu.cfg`): oslo.config, as Ryu has it, with options that may also be added late.

`CONF` is the one set of options of the process. An app registers its own when it is imported; `options` knows how
they reach the command line.
"""

from __future__ import annotations

from typing import Any

from oslo_config.cfg import (
    BoolOpt,
    ConfigFilesNotFoundError,
    ConfigOpts,
    FloatOpt,
    IntOpt,
    ListOpt,
    MultiStrOpt,
    Opt,
    OptGroup,
    RequiredOptError,
    StrOpt,
)

__all__ = [
    "CONF",
    "BoolOpt",
    "ConfigFilesNotFoundError",
    "ConfigOpts",
    "FloatOpt",
    "IntOpt",
    "ListOpt",
    "MultiStrOpt",
    "Opt",
    "OptGroup",
    "RequiredOptError",
    "StrOpt",
]


class Options(ConfigOpts):
    """The options of a process; `on_command_line` has those that may stand there, with their group's name."""

    def __init__(self) -> None:
        self.on_command_line: list[tuple[str, Any]] = []
        super().__init__()

    def register_cli_opt(self, opt: Any, group: Any = None, **internal: Any) -> bool:
        """Add an option for the command line. An app that is loaded late may do so too: it gets its default value."""
        name = getattr(group, "name", group) or ""
        if all((name, opt.dest) != (known, other.dest) for known, other in self.on_command_line):
            self.on_command_line.append((name, opt))
        return bool(self.register_opt(opt, group, cli=True, **internal))


CONF = Options()
