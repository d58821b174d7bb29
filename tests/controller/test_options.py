"""The command line: which words are apps, whose options the others are, and what they come to."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.controller.process import PATIENCE, Controller, command, free_port, own_host
from triplane.controller.options import sort

OWN = {"--listen": True, "-v": False}
RYU = {"--observe-links": False, "--wsapi-port": True}

APP = """
from ryu import cfg
from ryu.base import app_manager
cfg.CONF.register_cli_opts([cfg.IntOpt("depth", default=1, help="how deep"), cfg.BoolOpt("quick")], group="my")
EARLY = cfg.CONF.wsapi_port
class App(app_manager.RyuApp):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        print("options", self.CONF.my.depth, self.CONF.my.quick, EARLY, sorted(kwargs), flush=True)
"""


@pytest.mark.parametrize(
    ("words", "apps", "own", "ryu", "unknown", "unclear"),
    [
        ("a.py -v b", "a.py b", "-v", "", "", ""),
        ("--listen x a", "a", "--listen x", "", "", ""),
        ("--listen=x a", "a", "--listen=x", "", "", ""),
        ("a --wsapi-port 1 --observe-links b", "a b", "", "--wsapi-port 1 --observe-links", "", ""),
        ("a --mine 3 b --other=4 c --last", "a b c", "", "", "--mine --other --last", "3"),
        ("--mine --listen x a", "a", "--listen x", "", "--mine", ""),
    ],
)
def test_words_are_sorted(words: str, apps: str, own: str, ryu: str, unknown: str, unclear: str) -> None:
    found = sort(words.split(), OWN, RYU)
    assert [" ".join(part) for part in found] == [apps, own, ryu, unknown, unclear]


@pytest.fixture
def app(tmp_path: Path) -> Path:
    path = tmp_path / "my_app.py"
    path.write_text(APP)
    return path


def start(app: Path, *words: str) -> tuple[list[str], list[str]]:
    """What the app printed, and the ready line."""
    log = app.parent / "log"
    done = subprocess.Popen(command(*words), stdout=subprocess.PIPE, stderr=log.open("w"), text=True, cwd=app.parent)
    assert done.stdout is not None
    lines = [done.stdout.readline().split() for _ in range(2)]
    done.terminate()
    assert done.wait(PATIENCE) == 0, log.read_text()
    done.stdout.close()
    return lines[0], lines[1]


LISTEN = ("--listen", "tcp:127.0.0.1:0")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "options 1 None 8080 []"),
        (("--my-depth", "3", "--my-quick"), "options 3 True 8080 []"),
        (("another_app", "--my-depth=4", "--my-noquick", "--wsapi-port", "99"), "options 4 False 99 []"),
        (("--config-file", "my.conf"), "options 5 True 77 []"),
        (("--config-file", "my.conf", "--my-depth", "6"), "options 6 True 77 []"),
        (("--observe-links", "--my-depth", "3"), "options 3 None 8080 []"),
    ],
)
def test_options_of_an_app(app: Path, words: tuple[str, ...], told: str) -> None:
    (app.parent / "another_app.py").write_text("from ryu.base import app_manager\nclass B(app_manager.RyuApp): pass\n")
    (app.parent / "my.conf").write_text("[DEFAULT]\nwsapi_port = 77\n[my]\ndepth = 5\nquick = yes\n")
    assert start(app, *words, str(app), *LISTEN)[0] == told.split()


def test_ryus_options_say_where_to_listen_and_log(app: Path) -> None:
    (app.parent / "my.conf").write_text("[DEFAULT]\napp_lists = my_app\nlog_file = here.log\n")
    host, port = own_host(), str(free_port())
    words = ("--config-file", "my.conf", "--ofp-listen-host", host, "--ofp-tcp-listen-port", port)
    assert start(app, *words, "--default-log-level", "10")[1] == ["ready", f"listen=tcp:{host}:{port}"]
    assert "BRICK App" in (app.parent / "here.log").read_text()


def test_pid_file_and_rest(app: Path) -> None:
    app.write_text(
        "from ryu.base.app_manager import RyuApp\nfrom ryu.app.wsgi import WSGIApplication\n"
        "class App(RyuApp):\n    _CONTEXTS = {'wsgi': WSGIApplication}\n"
    )
    pid = app.parent / "pid"
    with Controller(
        app.parent / "log", str(app), *LISTEN, "--pid-file", str(pid), "--rest", "127.0.0.1:0"
    ) as controller:
        assert [word.partition("=")[0] for word in controller.ready] == ["ready", "listen", "rest"]
        assert pid.read_text() == f"{controller.process.pid}\n"
    assert not pid.exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--nonsense", "3"), "unknown option --nonsense"),
        (("--my-depth", "deep"), "Invalid Integer value: deep"),
        (("--my-depth",), "expected one argument"),
        (("--config-file", "nowhere.conf"), "nowhere.conf"),
        (("--rest", "here"), "--rest here: must be HOST:PORT"),
        (("--rest", "127.0.0.1:0"), "--rest: none of these apps has a REST API"),
    ],
)
def test_what_is_wrong_is_one_line(app: Path, words: tuple[str, ...], reason: str) -> None:
    done = subprocess.run(command(str(app), *LISTEN, *words), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert reason in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help_lists_options_of_apps(app: Path) -> None:
    done = subprocess.run(command("--help", str(app)), capture_output=True, text=True, check=True)
    for text in ("--listen", "--my-depth VALUE", "how deep", "--my-quick", "--wsapi-port"):
        assert text in done.stdout
