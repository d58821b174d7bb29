"""Learning switches that can be asked: over HTTP, and over a WebSocket on which they also tell what passes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.controller.apps.rest import served
from tests.controller.apps.websocket import WebSocket
from tests.controller.plant import plant, until

RyuApp = Callable[[str], str]
TABLE = "/simpleswitch/mactable/0000000000000001"
REFUSAL = ".*JSONDecodeError|TypeError: exceptions must derive from BaseException"  # the app raises its answer


def test_mac_table(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, ryu_app("simple_switch_rest_13"), "--listen", address, traces=REFUSAL) as api,
        plant(kind, tmp_path, address, hosts=(1, 1, 1)) as net,
    ):
        until(lambda: net.pings(1, 2), "host 1 to reach host 2")
        assert api.get(TABLE) == {net.mac(1): 1, net.mac(2): 2}
        assert api.ask("GET", "/simpleswitch/mactable/00000000000000ff").status == 404

        known = api.put(TABLE, {"mac": net.mac(3), "port": 3})
        assert known == {net.mac(1): 1, net.mac(2): 2, net.mac(3): 3}
        until(lambda: sum(f"dl_dst={net.mac(3)}" in flow for flow in net.flows(1)) == 2, "flows to the new host")
        assert net.reaches(1, 3)

        assert api.ask("PUT", TABLE, b"{not json").status in (400, 500)  # Ryu raises its answer, and says 500
        assert api.ask("POST", TABLE, b"").status == 404
        assert api.ask("GET", "/nowhere").status == 404


def test_websocket(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with (
        served(tmp_path, ryu_app("simple_switch_websocket_13"), "--listen", address) as api,
        plant(kind, tmp_path, address) as net,
    ):
        first, second = WebSocket(api, "/simpleswitch/ws"), WebSocket(api, "/simpleswitch/ws")
        for client in (first, second):
            client.served()
        until(lambda: net.pings(1, 2), "host 1 to reach host 2")
        for client in (first, second):
            assert "src='02:00:00:00:00:01'" in client.text("arp(")
            client.text("icmp(")
        assert first.call("get_arp_table")["result"] == {"1": {net.mac(1): 1, net.mac(2): 2}}
        assert "error" in first.call("no_such_method")
        first.served(b"are you there")
        first.close()
        net.run(1, "ping", "-c", "1", "-W", "1", "10.0.0.77", check=False)  # nobody: ARP floods go by the controller
        second.text("dst_ip='10.0.0.77'")
        second.socket.close()  # without a word
        assert api.ask("GET", "/nowhere").status == 404
