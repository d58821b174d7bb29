"""`triplane controller`: apps, listeners, and a loop until SIGTERM."""

from __future__ import annotations

import argparse
import contextlib
import errno
import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from triplane.controller import address, compat, options
from triplane.controller.options import OURS, Defaults, Setup
from triplane.controller.runtime import hub, loglimit, ofp_event, openflow
from triplane.controller.runtime.app import SERVICE_BRICKS
from triplane.controller.runtime.loop import LOOP
from triplane.controller.runtime.manager import AppError, AppManager
from triplane.controller.runtime.reload import Reloader
from triplane.controller.server import Server
from triplane.controller.status import snapshot
from triplane.controller.status_socket import StatusSocket
from triplane.controller.tls import TlsFiles, tls_context

log = logging.getLogger(__name__)

CANNOT_START = 1
SWITCH_INTERVAL = 0.0005  # s, until a handler that computes for long lets the loop's new leader have the interpreter
STDERR = logging.StreamHandler(sys.stderr)
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def run(parser: argparse.ArgumentParser, words: list[str], defaults: Defaults = OURS) -> int:
    """Run apps until SIGTERM or SIGINT; the result is the exit status.

    `parser` knows our options, `words` are the command line. One line `ready ...` on stdout says that it serves; one
    line on stderr says why it cannot start.
    """
    verbose = not {"-v", "--verbose"}.isdisjoint(words)
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[STDERR], format=LOG_FORMAT)
    loglimit.install(loglimit.RATE)  # from here on: whoever is imported makes loggers
    compat.install()
    try:
        if not {"-h", "--help"}.isdisjoint(words):
            return show_help(parser, words, defaults)
        setup = options.set_up(parser, words, defaults)
        loglimit.install(setup.log_rate)
        set_up_logging()
        return run_apps(setup)
    except (AppError, ValueError, OSError) as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return CANNOT_START


def leave(status: int) -> int:
    """End the process, even if an app has threads that Python would wait for: for Ryu no thread was a real one."""
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        logging.shutdown()
        sys.stdout.flush()
        os._exit(status)
    return status


def run_apps(setup: Setup) -> int:
    """Run apps in this process until a signal ends it. Raises AppError, OSError or ValueError if they cannot run."""
    manager, setup = load(setup)
    end = End()
    try:
        return serve(manager, setup, end)
    finally:
        manager.close()
        loglimit.finish()
        end.forget()


def show_help(parser: argparse.ArgumentParser, words: list[str], defaults: Defaults) -> int:
    """Our options, and those of the apps that are named. Raises AppError."""
    found = options.resolve(words, options.option_names(parser))
    print(parser.format_help())
    if defaults.as_ryu:
        options.learn_all()
    if found.apps or defaults.as_ryu:
        print(options.help_of_apps())
    return 0


def set_up_logging() -> None:
    """As Ryu's options say, if there are any: they may add files and syslog, and set the level. Raises ValueError."""
    ryu = options.ryu_options()
    if ryu is None:
        return
    if not ryu.use_stderr:
        logging.root.removeHandler(STDERR)
    if ryu.log_file or ryu.log_dir or ryu.log_config_file or ryu.use_syslog or ryu.default_log_level is not None:
        from os_ken import log

        if not ryu.log_config_file:
            ryu.set_override("use_stderr", False)  # we log there already
        try:
            log.init_log()
        except (
            OSError,
            ValueError,
            RuntimeError,
            KeyError,
        ) as error:  # what logging.config raises, and an octal number
            asked = [f"--{name.replace('_', '-')} {ryu[name]}" for name in _LOG_OPTIONS if ryu[name] is not None]
            raise ValueError(f"cannot log as {' '.join(asked)} says: {' '.join(str(error).split())}") from error


_LOG_OPTIONS = ("log_config_file", "log_dir", "log_file", "log_file_mode")


def load(setup: Setup) -> tuple[AppManager, Setup]:
    """Load, make and start the apps; and what is to be served for them. Raises AppError."""
    manager = AppManager.get_instance()
    manager.load_apps(setup.apps)
    if setup.only_if_needed and openflow.__name__ not in manager.applications_cls:
        setup = setup._replace(listen=[], connect=[])
    manager.load_apps([openflow.__name__])
    with manager.making():
        manager.instantiate_apps(**manager.create_contexts())
    if manager.failed and len(manager.failed) >= len(manager.applications_cls) - 1:
        module, error = next(iter(manager.failed.items()))
        raise AppError(f"app {module}: {type(error).__name__}: {error}")
    return manager, setup


def serve(manager: AppManager, setup: Setup, end: End) -> int:
    """Listen, connect, and run until a signal to end. Raises OSError or ValueError if it cannot."""
    server = Server(SERVICE_BRICKS[ofp_event.NAME], setup.retry_seconds)
    end.begin(server.report)
    tls = TlsFiles(setup.private_key, setup.certificate, setup.ca_cert)
    gc.freeze()  # what is loaded stays: the collector need not look at it again and again
    sys.setswitchinterval(SWITCH_INTERVAL)
    LOOP.start()
    with rest(manager, setup) as told, pid_file(), shown(server, setup, told):
        try:
            bound = [f"listen={_listen(server, wanted, tls)}" for wanted in setup.listen]
            for wanted in setup.connect:
                server.connect(wanted, tls_context(tls, server_side=False) if wanted.kind == "tls" else None)
            if setup.reload:
                reloader = Reloader(manager, lambda: [one.session.datapath for one in tuple(server.connections)])
                hub.spawn(reloader.watch)
            # in one piece: an app's threads may print too
            print(" ".join(["ready", *bound, *told]) + "\n", end="", flush=True)
            if setup.only_if_needed and not (bound or setup.connect or told):
                hub.spawn(end.when_over, list(manager.main_threads.values()))
            end.wait()
            server.report()
        finally:
            server.close()
            LOOP.stop()
    return 0


class End:
    """SIGTERM or SIGINT, whenever it comes; of a launcher that calls us in another thread than the main one, neither.

    A signal just before a thread begins to wait for a lock does not wake it, and what its handler does with locks may
    meet one that the thread holds. What is written to the pipe is read.
    """

    def __init__(self) -> None:
        self._reading, self._writing = os.pipe()
        os.set_blocking(self._writing, False)
        self._come: list[int] = []
        self._before: dict[int, Any] = {}  # whose handlers there were
        self._wakeup = -1

    def begin(self, report: Callable[[], None]) -> None:
        """From now on signals are ours; `report` is called for SIGUSR1."""
        if threading.current_thread() is not threading.main_thread():
            return
        self._wakeup = signal.set_wakeup_fd(self._writing, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT):
            self._before[number] = signal.signal(number, lambda signum, _: self._come.append(signum))
        self._before[signal.SIGUSR1] = signal.signal(signal.SIGUSR1, lambda *_: report())

    def wait(self) -> None:
        while not self._come:
            os.read(self._reading, 1)

    def when_over(self, threads: list[Any]) -> None:
        """End when these have ended."""
        hub.joinall(threads)
        self._come.append(0)
        os.write(self._writing, b"\0")

    def forget(self) -> None:
        """Signals are again what they were: a launcher goes on."""
        if self._before:
            signal.set_wakeup_fd(self._wakeup)
        for number, handler in self._before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def rest(manager: AppManager, setup: Setup) -> Iterator[list[str]]:
    """Serve the apps' REST, if they have any; what to say of it. Raises OSError, or ValueError if it was wanted."""
    ryu, wanted = options.ryu_options(), setup.rest
    if ryu is not None and wanted is not None:
        ryu.set_override("wsapi_host", wanted[0])
        ryu.set_override("wsapi_port", wanted[1])
    elif ryu is not None and not options.is_set(ryu, "wsapi_host"):
        ryu.set_default("wsapi_host", setup.rest_host)
    server = _rest_server(manager)
    if server is None:
        if wanted is not None:
            raise ValueError("--rest: none of these apps has a REST API (a WSGIApplication among its _CONTEXTS)")
        yield []
        return
    hub.spawn(server)
    try:
        yield [f"rest={server.address[0]}:{server.address[1]}"]
    finally:
        server.close()


def _rest_server(manager: AppManager) -> Any:
    if "triplane.controller.rest.wsgi" not in sys.modules:
        return None  # no app has imported it; it takes a while
    from triplane.controller.rest import wsgi

    try:
        return wsgi.start_service(manager)
    except (OSError, OverflowError) as error:  # the latter of a port that is none
        there = f"{wsgi.CONF.wsapi_host}:{wsgi.CONF.wsapi_port}"
        reason = error.strerror if isinstance(error, OSError) else "there is no such port"
        raise OSError(f"cannot serve REST at {there}: {reason}; --rest HOST:PORT chooses another") from error


@contextlib.contextmanager
def shown(server: Server, setup: Setup, told: list[str]) -> Iterator[None]:
    """Answer `triplane show controller`. Raises OSError or ValueError if --run-dir says where and it cannot be.

    In the usual folder it is an extra, which another controller may have, or the user have no right to make.
    """
    if setup.run_dir is None:
        yield
        return
    rest = [word.partition("=")[2] for word in told]
    status = StatusSocket(setup.run_dir, lambda: snapshot(server, rest))
    try:
        status.open()
    except (OSError, ValueError) as error:
        if setup.must_have_socket:
            raise
        log.warning(
            "`triplane show controller` will not show this one (--run-dir DIR gives it another place): %s", error
        )
        yield
        return
    try:
        yield
    finally:
        status.close()


@contextlib.contextmanager
def pid_file() -> Iterator[None]:
    """The file that --pid-file asks for. Raises OSError."""
    ryu = options.ryu_options()
    path = Path(ryu.pid_file) if ryu is not None and ryu.pid_file else None
    try:
        if path is not None:
            path.write_text(f"{os.getpid()}\n")
    except OSError as error:
        raise OSError(f"--pid-file {path}: {error.strerror}") from error
    try:
        yield
    finally:
        if path is not None:
            path.unlink(missing_ok=True)


def _listen(server: Server, wanted: address.Address, tls: TlsFiles) -> address.Address:
    context = tls_context(tls) if wanted.kind == "tls" else None
    try:
        return server.listen(wanted, context)
    except OSError as error:
        hint = _HINTS.get((error.errno or 0, wanted.kind == "unix"), "")
        raise OSError(f"cannot listen on {wanted}: {error.strerror or error}{hint}") from error


_HINTS = {  # by error, and whether the address is a path
    (errno.EADDRINUSE, False): "; `ss -ltnp` shows who listens there, --listen chooses another",
    (errno.EADDRINUSE, True): "; a program listens there, or it is no socket; --listen chooses another",
    (errno.EADDRNOTAVAIL, False): "; no interface here has that address, 0.0.0.0 stands for all",
    (errno.EACCES, False): "; ports below 1024 are root's",
}
