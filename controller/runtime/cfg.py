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
        self._ours: set[str] = set()
        super().__init__()

    def register_cli_opt(self, opt: Any, group: Any = None, **internal: Any) -> bool:
        """Add an option for the command line. An app that is loaded late may do so too: it gets its default value."""
        name = getattr(group, "name", group) or ""
        if not name and opt.dest in self._ours:
            return False  # one of RYU_OPTIONS, said again by the module that had it in Ryu
        if all((name, opt.dest) != (known, other.dest) for known, other in self.on_command_line):
            self.on_command_line.append((name, opt))
        return bool(self.register_opt(opt, group, cli=True, **internal))


DEFAULT_WSGI_HOST = "127.0.0.1"  # Ryu's is 0.0.0.0, but nothing here asks who is calling
DEFAULT_WSGI_PORT = 8080

# Ryu's own options, beside those of its modules; `main` acts on them
RYU_OPTIONS = (
    ListOpt("app-lists", default=[], help="apps to run beside those on the command line"),
    BoolOpt("verbose", default=False, help="log more"),
    IntOpt("default-log-level", help="log what has this level and above, such as 10 for debugging"),
    BoolOpt("use-stderr", default=True, help="log to stderr"),
    BoolOpt("use-syslog", default=False, help="log to syslog too"),
    StrOpt("log-dir", help="log to a file in this folder too"),
    StrOpt("log-file", help="log to this file too"),
    StrOpt("log-file-mode", default="0644", help="permissions of the log file"),
    StrOpt("log-config-file", help="what is logged where, as a file for logging.config"),
    StrOpt("pid-file", help="write the process id there"),
    StrOpt("user-flags", help="Python file that registers more options"),
    BoolOpt("enable-debugger", default=False, help="does nothing: debuggers work here as in any program"),
    StrOpt("ofp-listen-host", default="0.0.0.0", help="where switches connect, with one of the two ports below"),
    IntOpt("ofp-tcp-listen-port", help="port for switches over TCP (--listen says it in one)"),
    IntOpt("ofp-ssl-listen-port", help="port for switches over TLS"),
    StrOpt("ctl-privkey", help="own private key (--private-key)"),
    StrOpt("ctl-cert", help="own certificate (--certificate)"),
    StrOpt("ca-certs", help="certificate that must sign the switches' (--ca-cert)"),
    ListOpt("ofp-switch-address-list", default=[], help="HOST:PORT,... of switches to connect to"),
    IntOpt("ofp-switch-connect-interval", default=1, help="seconds between attempts to connect to a switch"),
    StrOpt("wsapi-host", default=DEFAULT_WSGI_HOST, help="where REST is served (--rest); 0.0.0.0: everywhere"),
    IntOpt("wsapi-port", default=DEFAULT_WSGI_PORT, help="port of REST (--rest)"),
)

CONF = Options()
CONF.register_cli_opts(RYU_OPTIONS)
CONF._ours.update(option.dest for option in RYU_OPTIONS)
