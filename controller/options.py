"""The command line of `triplane controller`: our options, Ryu's, and those that apps register when they are imported.

Whether an app has an option, and whether that takes a value, is known only when the app has been imported; which words
are apps, only when the options are known. So the words are sorted again and again: what is surely an app is imported,
and what was unclear is looked at anew.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import sys
from pathlib import Path
from typing import Any, NamedTuple

from triplane.controller import address
from triplane.controller.address import Address
from triplane.controller.runtime import handler
from triplane.controller.runtime.imports import AppError, app_class, import_app, is_app

DEFAULT_LISTEN = "tcp:127.0.0.1:6653"
RYU_CONFIG = Path("/usr/local/etc/ryu/ryu.conf")
_CFG = "triplane.controller.runtime.cfg"
_OF_OSLO = {"--config-file": True, "--config-dir": True}  # oslo.config's own options
# modules of Ryu whose options its command line knows even if no app imports them
_RYU_MODULES = ("ryu.topology.switches", "ryu.flags")


class Defaults(NamedTuple):
    """What holds where neither the command line nor a config file says anything: ours, and those of `ryu-manager`."""

    apps: tuple[str, ...] = ()
    listen: tuple[str, ...] = (DEFAULT_LISTEN,)
    ports: tuple[int, ...] = (address.OPENFLOW_PORT,)  # with a host or a key from Ryu's options
    rest_host: str = "127.0.0.1"
    run_dir: Path | None = None  # for the socket of `triplane show controller`
    as_ryu: bool = False  # Ryu listens only if an app hears of switches, and ends when all services of its apps have


OURS = Defaults()
RYU = Defaults(
    ("ryu.controller.ofp_handler",), ("tcp:0.0.0.0:6653", "tcp:0.0.0.0:6633"), (6653, 6633), "0.0.0.0", as_ryu=True
)


class Setup(NamedTuple):
    """What is to be run, and where it serves."""

    apps: list[str]
    listen: list[Address]
    connect: list[Address]
    rest: tuple[str, int] | None  # None: --rest is not given
    rest_host: str  # if that and Ryu's option are not
    only_if_needed: bool  # whether it listens and connects only if an app hears of switches
    private_key: Path | None
    certificate: Path | None
    ca_cert: Path | None
    run_dir: Path | None  # None: no socket
    must_have_socket: bool  # whether it must not start without one
    reload: bool
    log_rate: int  # lines a second of one statement; 0: no limit
    retry_seconds: tuple[float, ...] = ()  # between attempts to connect; empty: as usual


class Sorted(NamedTuple):
    """Words of a command line, sorted by what is known so far."""

    apps: list[str]
    own: list[str]  # our options with their values
    ryu: list[str]  # Ryu's and the apps'
    unknown: list[str]
    unclear: list[str]  # words after unknown options: their values, or apps


def sort(words: list[str], own: dict[str, bool], ryu: dict[str, bool]) -> Sorted:
    """Sort words; the tables say of each option whether it takes a value."""
    found = Sorted([], [], [], [], [])
    waiting = list(words)
    while waiting:
        word = waiting.pop(0)
        name, equals, _ = word.partition("=")
        if not word.startswith("-"):
            found.apps.append(word)
        elif name in own or name in ryu:
            takes_value = own[name] if name in own else ryu[name]
            value = [waiting.pop(0)] if takes_value and not equals and waiting else []
            (found.own if name in own else found.ryu).extend([word, *value])
        else:
            found.unknown.append(name)
            if not equals and waiting and not waiting[0].startswith("-"):
                found.unclear.append(waiting.pop(0))
    return found


def resolve(words: list[str], own: dict[str, bool]) -> Sorted:
    """Import the apps, and sort the words with what they have registered. Raises AppError."""
    imported: set[str] = set()
    more = iter(_RYU_MODULES)
    flags: str | None = None
    while True:
        found = sort(words, own, ryu_names())
        new = [app for app in found.apps if app not in imported]
        if found.unknown and ryu_options() is None:
            _learn(_CFG)
        elif flags is None and (flags := _value_of("--user-flags", found.ryu)):
            import_app(str(Path(flags).resolve()), "--user-flags")
        elif new:
            _import(new, found.ryu)
            imported.update(new)
        elif not found.unknown:
            return found
        elif (module := next(more, None)) is not None:
            _learn(module)
        elif not imported and (likely := [word for word in found.unclear if is_app(word)]):
            _import(likely, found.ryu)
            imported.update(likely)
        else:
            raise AppError(f"unknown option {found.unknown[0]}; with --help APP, options of an app are listed too")


def _value_of(option: str, words: list[str]) -> str | None:
    """What sorted words give an option."""
    for at, word in enumerate(words):
        name, equals, value = word.partition("=")
        if name == option:
            return value if equals else words[at + 1] if at + 1 < len(words) else None
    return None


def _import(apps: list[str], ryu_words: list[str]) -> None:
    if ryu_words:
        parse_ryu(ryu_words)  # what an app does when it is imported may depend on it
    waiting = [name for names in apps for name in names.split(",")]
    done: set[str] = set()
    while waiting:
        name = waiting.pop(0)
        cls = app_class(import_app(name))
        done.add(name)
        needed = handler.get_dependent_services(cls) if cls is not None else []
        waiting += [service for service in needed if service not in done]


def _learn(module: str) -> None:
    """Import a module for its options."""
    try:
        importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise AppError(f"options of Ryu and its apps: {error}; pip install 'triplane[controller]'") from error


def learn_all() -> None:
    """Ryu's own options, all of them. Raises AppError."""
    for module in (_CFG, *_RYU_MODULES):
        _learn(module)


# Ryu's options


def ryu_names() -> dict[str, bool]:
    """Names on the command line of Ryu's and the apps' options, and whether they take a value."""
    names: dict[str, bool] = {}
    ryu = ryu_options()
    if ryu is not None:
        names |= _OF_OSLO
        for group, option in ryu.on_command_line:
            prefix = f"{group}-" if group else ""
            is_flag = type(option).__name__ == "BoolOpt"
            names[f"--{prefix}{option.name}"] = not is_flag
            if is_flag:
                names[f"--{prefix}no{option.name}"] = names[f"--no{prefix}{option.name}"] = False
            if option.short:
                names[f"-{option.short}"] = not is_flag
    return names


def parse_ryu(words: list[str]) -> None:
    """Have oslo.config read the command line and config files. Raises AppError."""
    from oslo_config.cfg import Error

    from triplane.controller.runtime import cfg

    told = io.StringIO()
    files = [str(RYU_CONFIG)] if RYU_CONFIG.is_file() else []
    given = [*files, *filter(None, [_value_of("--config-file", words)])]
    place = f" (on the command line or in {', '.join(given)})" if given else ""
    try:
        with contextlib.redirect_stderr(told), contextlib.redirect_stdout(told):
            cfg.CONF(words, project="ryu", prog="triplane controller", default_config_files=files)
    except SystemExit:
        raise AppError(told.getvalue().strip().rpartition("error: ")[2] + place) from None
    except UnicodeDecodeError as error:
        raise AppError(f"a config file is no text in UTF-8{place}: {error}") from error
    except OSError as error:
        raise AppError(f"config file {error.filename}: {error.strerror}") from error
    except (Error, ValueError) as error:
        raise AppError(str(error)) from error


def option_names(parser: argparse.ArgumentParser) -> dict[str, bool]:
    """The options of a parser, and whether they take a value."""
    return {name: action.nargs != 0 for action in parser._actions for name in action.option_strings}


def help_of_apps() -> str:
    """What Ryu's and the apps' options are."""
    parser = argparse.ArgumentParser(add_help=False, usage=argparse.SUPPRESS, allow_abbrev=False)
    group = parser.add_argument_group("options of Ryu and of the apps")
    ryu = ryu_options()
    if ryu is not None:
        for section, option in ryu.on_command_line:
            name = f"--{section}-{option.name}" if section else f"--{option.name}"
            text = (option.help or "").replace("%", "%%")
            if type(option).__name__ == "BoolOpt":
                group.add_argument(name, action="store_true", help=text)
            else:
                group.add_argument(name, metavar="VALUE", help=text)
    return parser.format_help()


# both together


def set_up(parser: argparse.ArgumentParser, words: list[str], defaults: Defaults = OURS) -> Setup:
    """What a command line asks for. Imports its apps. Raises AppError, ValueError, or SystemExit as argparse does."""
    asked, named = read(parser, words)
    ryu = ryu_options()
    apps = [*named, *(ryu.app_lists if ryu is not None else [])] or [*defaults.apps]
    if not apps:
        parser.error("the following arguments are required: APP")
    return _setup(apps, asked, defaults)


def set_up_for(apps: list[str], defaults: Defaults) -> Setup:
    """What is to be done where no command line is: `AppManager.run_apps`. Raises AppError or ValueError."""
    if ryu_options() is not None and ryu_options()._args is None:
        parse_ryu([])
    nothing = ("listen", "rest", "private_key", "certificate", "ca_cert", "run_dir")
    asked = argparse.Namespace(**dict.fromkeys(nothing), connect=[], reload=False, verbose=False, log_rate=0)
    return _setup(apps, asked, defaults)


def read(parser: argparse.ArgumentParser, words: list[str]) -> tuple[argparse.Namespace, list[str]]:
    """Our options, and the apps; Ryu's options are in its CONF then."""
    own = option_names(parser)
    first = sort(words, own, ryu_names())
    asked = parser.parse_args(["APP", *first.own])
    found = resolve(words, own)
    if found.ryu or _CFG in sys.modules or RYU_CONFIG.is_file():
        parse_ryu(found.ryu)
    ryu = ryu_options()
    if ryu is not None and asked.verbose:
        ryu.set_override("verbose", True)
    return asked, found.apps


def _setup(apps: list[str], asked: argparse.Namespace, defaults: Defaults) -> Setup:
    ryu = ryu_options()
    retry = is_set(ryu, "ofp_switch_connect_interval")
    return Setup(
        apps,
        [address.parse(text) for text in asked.listen] if asked.listen else _ryu_listen(ryu, defaults),
        [address.parse(text, "--connect") for text in [*asked.connect, *_ryu_connect(ryu)]],
        _rest(asked.rest),
        defaults.rest_host,
        defaults.as_ryu and not (asked.listen or asked.connect),
        asked.private_key or _path(ryu, "ctl_privkey"),
        asked.certificate or _path(ryu, "ctl_cert"),
        asked.ca_cert or _path(ryu, "ca_certs"),
        asked.run_dir or defaults.run_dir,
        asked.run_dir is not None,
        asked.reload,
        0 if asked.verbose else asked.log_rate,
        (float(ryu.ofp_switch_connect_interval),) if retry else (),
    )


def ryu_options() -> Any:
    """Ryu's CONF, if anybody has asked for it; else None, for its library takes a while and is not always there."""
    return sys.modules[_CFG].CONF if _CFG in sys.modules else None


def _path(ryu: Any, name: str) -> Path | None:
    value = None if ryu is None else getattr(ryu, name)
    return Path(value) if value else None


_WHERE = ("ofp_listen_host", "ofp_tcp_listen_port", "ofp_ssl_listen_port", "ctl_privkey", "ctl_cert")


def is_set(ryu: Any, name: str) -> bool:
    """Has anybody, the user or an app, given an option another value than its own?"""
    place = None if ryu is None else ryu.get_location(name)
    return place is not None and place.location.name != "opt_default"


def _ryu_listen(ryu: Any, defaults: Defaults) -> list[Address]:
    """Where Ryu's options say: with a key and a certificate TLS, else TCP. Raises ValueError."""
    if not any(is_set(ryu, name) for name in _WHERE):
        return [address.parse(text) for text in defaults.listen]
    if bool(ryu.ctl_privkey) != bool(ryu.ctl_cert) or (ryu.ofp_ssl_listen_port and not ryu.ctl_cert):
        raise ValueError("OpenFlow over TLS needs both --ctl-privkey and --ctl-cert, and --ca-certs")
    host = f"[{ryu.ofp_listen_host}]" if ":" in ryu.ofp_listen_host else ryu.ofp_listen_host
    kind = "tls" if ryu.ctl_privkey and ryu.ctl_cert else "tcp"
    port = ryu.ofp_ssl_listen_port if kind == "tls" else ryu.ofp_tcp_listen_port
    neither = not (ryu.ofp_tcp_listen_port or ryu.ofp_ssl_listen_port)
    ports = defaults.ports if neither else (port or address.OPENFLOW_PORT,)
    option = "--ofp-ssl-listen-port" if kind == "tls" else "--ofp-tcp-listen-port"
    return [address.parse(f"{kind}:{host}:{one}", option) for one in ports]


def _ryu_connect(ryu: Any) -> list[str]:
    return [] if ryu is None else [f"tcp:{there}" for there in ryu.ofp_switch_address_list]


def _rest(text: str | None) -> tuple[str, int] | None:
    if text is None:
        return None
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 0xFFFF:
        raise ValueError(f"--rest {text}: must be HOST:PORT")
    return host.strip("[]"), int(port)
