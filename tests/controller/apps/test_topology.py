"""Links found by LLDP (`--observe-links`), and told over HTTP, over a WebSocket, and by a page in a browser."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.controller.apps.driven import RyuApp
from tests.controller.apps.rest import WSAPI_PORT, served
from tests.controller.apps.websocket import WebSocket
from tests.controller.plant import Plant, plant, until
from triplane.tap import namespaces as ns

LINE = ((1, 2), (2, 3))
API = "/v1.0/topology"
D3 = Path("/usr/share/javascript/d3/d3.min.js")  # Debian's; the page wants it from the author's server
D3_PORT = 8000
PATIENT = str(Path(__file__).parent / "scripts" / "patient_ofctl.py")


def ends(link: dict[str, Any]) -> tuple[int, int, int, int]:
    """Switch and port of its source, and of its destination."""
    numbers = [int(link[end][key], 16) for end in ("src", "dst") for key in ("dpid", "port_no")]
    return numbers[0], numbers[1], numbers[2], numbers[3]


def laid(net: Plant, *links: tuple[int, int]) -> set[tuple[int, int, int, int]]:
    """What `ends` are for these cables, both ways."""
    both = [*links, *((b, a) for a, b in links)]
    return {(a, net.port(a, f"s{b}"), b, net.port(b, f"s{a}")) for a, b in both}


def test_rest_topology(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    apps = ryu_app("rest_topology"), ryu_app("simple_switch_13")
    with (
        served(tmp_path, *apps, "--observe-links", "--listen", address) as api,
        plant(kind, tmp_path, address, hosts=(1, 3), links=LINE) as net,
    ):
        until(lambda: {ends(link) for link in api.get(f"{API}/links")} == laid(net, *LINE), "the links")
        switches = {int(switch["dpid"], 16): switch["ports"] for switch in api.get(f"{API}/switches")}
        assert sorted(switches) == [1, 2, 3]
        assert {int(port["port_no"], 16): port["name"] for port in switches[1]}.items() >= {(1, "s1-h1"), (2, "s1-s2")}
        until(lambda: [ends(link)[0] for link in api.get(f"{API}/links/{3:016x}")] == [3], "the links of one switch")
        assert len(api.get(f"{API}/switches/{2:016x}")) == 1
        until(lambda: net.pings(1, 2), "the hosts to reach each other")

        def hosts() -> set[tuple[str, int, int]]:
            found = api.get(f"{API}/hosts")
            return {(host["mac"], int(host["port"]["dpid"], 16), int(host["port"]["port_no"], 16)) for host in found}

        until(lambda: hosts() >= {(net.mac(1), 1, 1), (net.mac(2), 3, 1)}, "the hosts to be known")
        net.set_cable(1, "s2", up=False)
        until(lambda: {ends(link) for link in api.get(f"{API}/links")} == laid(net, (2, 3)), "a link to be gone")


def test_ws_topology(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with served(tmp_path, ryu_app("ws_topology"), "--observe-links", "--listen", address) as api:
        client = WebSocket(api, f"{API}/ws")
        client.served()

        def told(method: str) -> Any:
            """The next call of this method, each call answered."""
            while True:
                call = json.loads(client.text('"jsonrpc"'))
                client.send(1, json.dumps({"id": call["id"], "jsonrpc": "2.0", "result": ""}).encode())
                if call["method"] == method:
                    return call["params"][0]

        with plant(kind, tmp_path, address, hosts=(1, 2), links=((1, 2),)) as net:
            assert {int(told("event_switch_enter")["dpid"], 16) for _ in range(2)} == {1, 2}
            assert {ends(told("event_link_add")) for _ in range(2)} == laid(net, (1, 2))
            net.set_cable(1, "s2", up=False)
            assert {ends(told("event_link_delete")) for _ in range(2)} == laid(net, (1, 2))
        assert {int(told("event_switch_leave")["dpid"], 16) for _ in range(2)} == {1, 2}


class Library(BaseHTTPRequestHandler):
    """Serves d3, whatever is asked for."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/javascript")
        self.end_headers()
        self.wfile.write(D3.read_bytes())


@contextmanager
def library(netns: str) -> Iterator[None]:
    """Stands in for d3js.org."""
    server = ns.in_namespace(netns, lambda: ThreadingHTTPServer(("127.0.0.1", D3_PORT), Library))
    server.block_on_close = False  # a browser opens connections to have them
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def shown(netns: str, folder: Path) -> str:
    """What a browser has made of the page when its scripts have had ten seconds of their time."""
    words = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", "--virtual-time-budget=10000"]
    words += [f"--user-data-dir={folder}/browser", f"--host-resolver-rules=MAP d3js.org:80 127.0.0.1:{D3_PORT}"]
    full = ["ip", "netns", "exec", netns, *words, f"http://127.0.0.1:{WSAPI_PORT}/index.html"]
    return subprocess.run(full, capture_output=True, text=True, check=True, timeout=200).stdout


def test_gui_topology(gui_app: str, address: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, PATIENT, gui_app, "--observe-links", "--listen", address) as api,
        plant("triplane", tmp_path, address, hosts=(1, 3), links=LINE),
        library(api.netns),
    ):
        until(lambda: len(api.get(f"{API}/links")) == 4, "the links")
        page = shown(api.netns, tmp_path)
        assert page.count('<g class="node"') == 3, page
        assert page.count('<line class="link"') == 2
        assert page.count('<g class="port"') == 4
        for switch in (1, 2, 3):
            assert f"dpid: {switch}</text>" in page
        (flow,) = api.get("/stats/flow/1")["1"]  # what it shows when a switch is dragged
        assert flow["priority"] == 65535, flow
