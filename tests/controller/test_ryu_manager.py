"""How Ryu is started: a launcher of one's own that calls `manager.main()`, and the command `ryu-manager`.

Each launcher is a process that nothing of ours has started, and a switch connects to it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.controller.fake_switch import FakeSwitch
from tests.controller.process import Service, free_port, own_host
from triplane import __version__
from triplane.controller.address import Address
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser
from triplane.tap import namespaces as ns

APP = """
from ryu.base import app_manager
from ryu.controller import ofp_event
from ryu.controller.handler import CONFIG_DISPATCHER, set_ev_cls
from ryu.ofproto import ofproto_v1_3

class Marks(app_manager.RyuApp):
    OFP_VERSIONS = [ofproto_v1_3.OFP_VERSION]

    @set_ev_cls(ofp_event.EventOFPSwitchFeatures, CONFIG_DISPATCHER)
    def features(self, event):
        datapath = event.msg.datapath
        datapath.send_msg(datapath.ofproto_parser.OFPFlowMod(datapath, cookie=42))
"""
QUIET = "from ryu.base.app_manager import RyuApp\nclass Quiet(RyuApp):\n    pass\n"
HEAD = "import triplane.controller.ryu  # isort: split\nimport sys\n"
HOST = own_host()
WORDS = f'["--verbose", "--ofp-listen-host", "{HOST}", "--ofp-tcp-listen-port", "PORT", "app.py"]'
LAUNCHERS = {
    "argv": f"from ryu.cmd import manager\nsys.argv = ['ryu-manager', *{WORDS}]\nmanager.main()\n",
    "args": f"from ryu.cmd.manager import main\nmain({WORDS})\n",
    "os-ken": f"from os_ken.cmd import manager\nmanager.main(args={WORDS}, prog='mine')\n",
    "options of Ryu": "from ryu import cfg\nimport ryu.controller.controller\nfrom ryu.cmd.manager import main\n"
    f"cfg.CONF.set_override('ofp_tcp_listen_port', PORT)\ncfg.CONF.set_override('ofp_listen_host', '{HOST}')\n"
    "main(['app.py'])\n",
    "run_apps": "from ryu import cfg\nfrom ryu.base.app_manager import AppManager\n"
    f"cfg.CONF(['--ofp-listen-host', '{HOST}', '--ofp-tcp-listen-port', 'PORT'])\nAppManager.run_apps(['app.py'])\n",
}


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With app.py in it; it is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app.py").write_text(APP)
    return tmp_path


def flow_of(port: int) -> int:
    """The cookie of the flow that the app gives a switch which connects there."""
    with FakeSwitch(Address("tcp", HOST, port), 7) as switch:
        return int(switch.says_who_it_is().wait(parser.OFPFlowMod)[0].cookie)


@pytest.mark.parametrize("launcher", LAUNCHERS.values(), ids=LAUNCHERS)
def test_a_launcher(folder: Path, port: int, launcher: str) -> None:
    (folder / "run.py").write_text(HEAD + launcher.replace("'PORT'", f"'{port}'").replace("PORT", str(port)))
    with Service(folder / "log", [sys.executable, "run.py"]) as service:
        assert service.ready == ["ready", f"listen=tcp:{HOST}:{port}"]
        assert flow_of(port) == 42
        assert service.stop() == 0


def test_an_app_that_is_its_own_launcher(folder: Path, port: int) -> None:
    words = WORDS.replace("PORT", str(port)).replace('"app.py"', "__file__")
    end = f"\nif __name__ == '__main__':\n    from ryu.cmd import manager\n    manager.main({words})\n"
    (folder / "own.py").write_text(HEAD + APP + end)
    with Service(folder / "log", [sys.executable, "own.py"]) as service:
        assert service.ready[1:] == [f"listen=tcp:{HOST}:{port}"]
        assert flow_of(port) == 42


def test_a_launcher_goes_on_when_it_has_ended(folder: Path, port: int) -> None:
    launcher = LAUNCHERS["argv"].replace("PORT", str(port))
    handlers = "import signal\nprint(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL)\n"
    (folder / "run.py").write_text(HEAD + launcher + handlers)
    with Service(folder / "log", [sys.executable, "run.py"]) as service:
        assert service.stop() == 0
        assert service.process.stdout is not None
        assert service.process.stdout.read() == "True\n"


def test_a_launcher_may_call_it_in_a_thread(folder: Path, port: int) -> None:
    launcher = LAUNCHERS["argv"].replace("PORT", str(port))
    launcher = launcher.replace("manager.main()", "import threading; threading.Thread(target=manager.main).start()")
    (folder / "run.py").write_text(HEAD + launcher)
    with Service(folder / "log", [sys.executable, "run.py"]):
        assert flow_of(port) == 42


def ryu_manager(*words: str) -> list[str]:
    """As the console script calls it."""
    return [sys.executable, "-c", "import sys; from triplane.ryu_manager import main; sys.exit(main())", *words]


def test_the_command_listens_where_ryu_does(folder: Path) -> None:
    rest = "from ryu.app.wsgi import WSGIApplication\nMarks._CONTEXTS = {'wsgi': WSGIApplication}\n"
    (folder / "app.py").write_text(APP + rest)
    netns = f"tp{os.getpid()}r"
    with ns.namespaces(netns):
        inside = ["ip", "netns", "exec", netns]
        with Service(folder / "log", [*inside, *ryu_manager("--verbose", "app.py")]) as service:
            where = ["listen=tcp:0.0.0.0:6653", "listen=tcp:0.0.0.0:6633", "rest=0.0.0.0:8080"]
            assert service.ready == ["ready", *where]
        with Service(folder / "log", [*inside, *ryu_manager()]) as service:
            assert service.ready == ["ready", *where[:2]]
        options = ["app.py", "--ofp-listen-host", "127.0.0.1", "--wsapi-host", "127.0.0.1", "--wsapi-port", "81"]
        with Service(folder / "log", [*inside, *ryu_manager(*options)]) as service:
            where = ["listen=tcp:127.0.0.1:6653", "listen=tcp:127.0.0.1:6633", "rest=127.0.0.1:81"]
            assert service.ready == ["ready", *where]


@pytest.mark.parametrize("words", [[sys.executable, "-m", "triplane.controller.ryu"], ryu_manager()])
def test_ways_to_run_it(folder: Path, port: int, words: list[str]) -> None:
    (folder / "more.conf").write_text(f"[DEFAULT]\napp_lists = app\nofp_tcp_listen_port = {port}\n")
    (folder / "flags.py").write_text(
        "from ryu import cfg\ncfg.CONF.register_cli_opts([cfg.StrOpt('colour')], group='my')\n"
    )
    options = ["--config-file", "more.conf", "--user-flags", "flags.py", "--my-colour", "red"]
    ryus = ["--observe-links", "--enable-debugger", f"--ofp-listen-host={HOST}", "--ofp-switch-connect-interval=3"]
    with Service(folder / "log", [*words, *options, *ryus]) as service:
        assert service.ready == ["ready", f"listen=tcp:{HOST}:{port}"]
        assert flow_of(port) == 42


def test_without_an_app_for_switches_it_ends_as_ryu_does(folder: Path) -> None:
    (folder / "quiet.py").write_text(QUIET)
    done = subprocess.run(ryu_manager("quiet.py"), capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout == "ready\n"
    start = "    def start(self):\n        super().start()\n"
    start += "        return hub.spawn(print, 'worked\\n', end='', flush=True)\n"
    (folder / "busy.py").write_text("from ryu.lib import hub\n" + QUIET.replace("    pass\n", start))
    done = subprocess.run(ryu_manager("busy.py"), capture_output=True, text=True, check=True, timeout=60)
    assert sorted(done.stdout.split()) == ["ready", "worked"]


def test_version_and_help(folder: Path) -> None:
    done = subprocess.run(ryu_manager("--version"), capture_output=True, text=True, check=True)
    assert done.stdout == f"ryu-manager 4.34 (Triplane {__version__})\n"
    done = subprocess.run(ryu_manager("--help"), capture_output=True, text=True, check=True)
    for text in ("usage: ryu-manager", "0.0.0.0, ports 6653 and 6633", "--observe-links", "--user-flags VALUE"):
        assert text in done.stdout


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["nonsense.py"], "ryu-manager: app nonsense.py: no such file"),
        (["app.py", "--nonsense"], "ryu-manager: unknown option --nonsense"),
        (["app.py", "--user-flags", "nowhere.py"], "nowhere.py: no such file"),
    ],
)
def test_a_launcher_that_cannot_start_ends_with_status_1(folder: Path, words: list[str], reason: str) -> None:
    (folder / "run.py").write_text(f"{HEAD}from ryu.cmd import manager\nmanager.main({words})\n")
    for command in ([sys.executable, "run.py"], ryu_manager(*words)):
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 1
        assert reason in done.stderr
        assert len(done.stderr.splitlines()) == 1


def test_ryu_that_was_imported_too_early_is_refused(folder: Path) -> None:
    (folder / "ryu").mkdir()
    (folder / "ryu/__init__.py").touch()
    (folder / "run.py").write_text("import ryu\n" + HEAD)
    done = subprocess.run([sys.executable, "run.py"], capture_output=True, text=True, check=False, timeout=60)
    assert "RuntimeError: ryu was imported before triplane.controller.ryu" in done.stderr
