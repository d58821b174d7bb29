"""`triplane controller` with an HTTP API, in a network namespace of its own: Ryu's port is free there, always."""

from __future__ import annotations

import http.client
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.controller.plant import PATIENCE, until
from tests.controller.process import Controller
from triplane.tap import namespaces as ns

WSAPI_PORT = 8080  # of ryu.app.wsgi
OK = 200


class Answer(NamedTuple):
    """Of a server."""

    status: int
    text: str
    headers: Mapping[str, str]

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Api:
    """The HTTP API of a controller. Calls without `ask` in the name expect 200 and return the JSON of the answer."""

    def __init__(self, netns: str, log: Path) -> None:
        self.netns = netns
        self.log = log

    def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Whatever the answer is. `body` is sent as JSON, or as it is if it is bytes."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()

        def exchange() -> Answer:
            connection = http.client.HTTPConnection("127.0.0.1", WSAPI_PORT, timeout=PATIENCE)
            connection.request(method, path, data)
            response = connection.getresponse()
            answer = Answer(response.status, response.read().decode(), dict(response.getheaders()))
            connection.close()
            return answer

        return ns.in_namespace(self.netns, exchange)

    def call(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask(method, path, body)
        assert answer.status == OK, (method, path, answer)
        return answer.json if answer.text else None

    def get(self, path: str) -> Any:
        return self.call("GET", path)

    def post(self, path: str, body: Any) -> Any:
        return self.call("POST", path, body)

    def put(self, path: str, body: Any = None) -> Any:
        return self.call("PUT", path, body)

    def delete(self, path: str, body: Any = None) -> Any:
        return self.call("DELETE", path, body)

    def said(self, words: str) -> None:
        """Wait until the controller has logged these words."""
        until(lambda: words in self.log.read_text(), f"{words!r} in {self.log}")


@contextmanager
def served(
    folder: Path,
    *words: str,
    netns: str = "",
    number: int = 1,
    env: Mapping[str, str] | None = None,
    traces: str = "",
) -> Iterator[Api]:
    """A running controller, in a namespace of its own or in `netns`.

    `number` tells several in one test apart. `traces`: a pattern of the errors whose tracebacks the app may log.
    """
    own, log = f"tp{os.getpid()}c{number}", folder / f"controller{number}.log"
    there = netns or own
    with (
        ns.namespaces(*([] if netns else [own])),
        Controller(log, *words, prefix=("ip", "netns", "exec", there), env=env),
    ):
        yield Api(there, log)
    traced = unexpected(log.read_text(), traces)
    assert not traced, "\n".join([f"{log}:", *traced])


def unexpected(log: str, expected: str) -> list[str]:
    """Tracebacks in a log, but for those of expected errors, each with what stands before it."""
    found = re.finditer(r"(.*\n)?^Traceback .*\n(?:[ \t].*\n|\n)*(?P<error>.*)", log, re.MULTILINE)
    return [trace[0] for trace in found if not (expected and re.match(expected, trace["error"]))]
