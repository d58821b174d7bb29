"""rest_qos with rest_conf_switch: rules that mark, police and queue what passes; queues made over OVSDB.

The app's rules stand in table 0 and go on to table 1, where the test has the switch forward by itself.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tests.controller.apps.rest import Api, served
from tests.controller.apps.tagged import tagged
from tests.controller.plant import PATIENCE, Plant, plant, until
from triplane.tap import namespaces as ns

RyuApp = Callable[[str], str]
SWITCH = "0000000000000001"
RULES, METER, QUEUE = f"/qos/rules/{SWITCH}", f"/qos/meter/{SWITCH}", f"/qos/queue/{SWITCH}"
CONF = "/v1.0/conf/switches"
PATIENT = [str(Path(__file__).parent / "scripts" / f"patient_{what}.py") for what in ("ofctl", "ovsdb")]
QUEUES = {"s1-h1": "queue1=10M-100M"}  # of our forwarder
VLAN = 110
MANY = 200  # datagrams, of which a socket holds all


@contextmanager
def qos(kind: str, app: RyuApp, address: str, folder: Path) -> Iterator[tuple[Api, Plant]]:
    with (
        plant(kind, folder, address, port_options=QUEUES) as net,
        served(folder, *PATIENT, app("rest_qos"), app("rest_conf_switch"), "--listen", address, netns=net.netns) as api,
    ):
        until(lambda: api.ask("GET", RULES).status == 200, "the switch")
        net.ofctl(1, "add-flow", "table=1,actions=NORMAL")
        until(lambda: net.pings(1, 2), "host 1 to reach host 2")
        yield api, net


def rule(api: Api, actions: dict[str, Any], path: str = RULES, **match: Any) -> int:
    """Add a rule; its id."""
    (answer,) = api.post(path, {"match": match, "actions": actions})
    (result,) = answer["command_result"]
    assert result["result"] == "success"
    return int(result["details"].rpartition("=")[2])


def rules(api: Api, path: str = RULES) -> list[dict[str, Any]]:
    return [rule for group in api.get(path)[0]["command_result"] for rule in group["qos"]]


class Receiver:
    """Takes datagrams at a host, and their type of service."""

    def __init__(self, net: Plant, host: int, address: str, port: int) -> None:
        self.socket = ns.in_namespace(net.host(host), lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self.socket.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
        self.socket.bind((address, port))
        self.socket.settimeout(PATIENCE)

    def dscp(self) -> int:
        """Of the next datagram."""
        _, ancillary, _, _ = self.socket.recvmsg(64, 64)
        return next(value[0] >> 2 for _, kind, value in ancillary if kind == socket.IP_TOS)

    def take(self, count: int) -> None:
        """Wait for so many datagrams."""
        for _ in range(count):
            self.socket.recv(64)

    def count(self) -> int:
        """Datagrams that are there."""
        self.socket.setblocking(False)
        found = 0
        with contextlib.suppress(BlockingIOError):
            while self.socket.recv(64):
                found += 1
        return found

    def __enter__(self) -> Receiver:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()


def send(net: Plant, source: int, address: str, port: int, count: int = 1) -> None:
    with ns.in_namespace(net.host(source), lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
        for _ in range(count):
            sender.sendto(b"x", (address, port))


def test_marks_and_meters(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with qos(kind, ryu_app, address, tmp_path) as (api, net):
        marked = rule(api, {"mark": "26"}, nw_dst="10.0.0.2", nw_proto="UDP", tp_dst="5002")
        until(lambda: [flow for flow in net.flows(1) if "tp_dst=5002" in flow], "the rule")
        with Receiver(net, 2, "10.0.0.2", 5002) as receiver:
            send(net, 1, "10.0.0.2", 5002)
            assert receiver.dscp() == 26
        (found,) = rules(api)
        assert (found["qos_id"], found["tp_dst"], found["actions"]) == (marked, 5002, [{"mark": "26"}])
        api.delete(RULES, {"qos_id": str(marked)})
        assert rules(api) == []

        bands = [{"type": "DROP", "rate": "10"}]
        api.post(METER, {"meter_id": "1", "flags": "PKTPS", "bands": bands})
        rule(api, {"meter": "1"}, nw_dst="10.0.0.2", nw_proto="UDP", tp_dst="5003")
        until(lambda: [flow for flow in net.flows(1) if "meter:1" in flow], "the rule")
        with Receiver(net, 2, "10.0.0.2", 5003) as receiver:
            send(net, 1, "10.0.0.2", 5003, MANY)
            until(lambda: net.pings(1, 2), "what was sent after them")
            assert 1 <= receiver.count() < MANY
        (meter,) = api.get(METER)[0]["command_result"]["1"]
        assert meter["flow_count"] == 1
        until(lambda: dropped(api) > 0, "the meter to count what it drops")
        api.delete(METER, {"meter_id": "1"})
        until(lambda: api.get(METER)[0]["command_result"]["1"] == [], "the meter to be gone")

        assert api.ask("POST", RULES, {"match": {"nw_proto": "NONSENSE"}, "actions": {}}).status == 400
        assert api.ask("GET", "/qos/rules/0000000000000009").status == 400


def dropped(api: Api) -> int:
    (meter,) = api.get(METER)[0]["command_result"]["1"]
    return int(meter["band_stats"][0]["packet_band_count"])


def test_rules_of_a_vlan(kind: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with qos(kind, ryu_app, address, tmp_path) as (api, net), ExitStack() as stack:
        for host in (1, 2):
            stack.enter_context(tagged(net.host(host), "eth0", VLAN, f"10.1.0.{host}/24"))
        until(lambda: net.pings(1, "10.1.0.2"), "host 1 to reach host 2 in the VLAN")
        rule(api, {"mark": "10"}, f"{RULES}/{VLAN}", nw_proto="UDP", tp_dst="5004", dl_type="IPv4")
        until(lambda: [flow for flow in net.flows(1) if f"dl_vlan={VLAN}" in flow], "the rule")
        for address_, dscp in (("10.1.0.2", 10), ("10.0.0.2", 0)):
            with Receiver(net, 2, address_, 5004) as receiver:
                send(net, 1, address_, 5004)
                assert receiver.dscp() == dscp
        assert [found["dl_vlan"] for found in rules(api, f"{RULES}/all")] == [str(VLAN)]


def test_queues_of_our_forwarder(ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    """They are options of its ports; over OVSDB it has none to offer, and the app says so."""
    with qos("triplane", ryu_app, address, tmp_path) as (api, net):
        (answer,) = api.post(QUEUE, {"queues": [{"max_rate": "500000"}]})
        assert answer["command_result"]["details"] == "ovs_bridge is not exists"
        rule(api, {"queue": "1"}, nw_dst="10.0.0.1", nw_proto="UDP", tp_dst="5005")
        until(lambda: [flow for flow in net.flows(1) if "set_queue:1" in flow], "the rule")
        with Receiver(net, 1, "10.0.0.1", 5005) as receiver:
            send(net, 2, "10.0.0.1", 5005, 20)
            receiver.take(20)
        assert status(api) == [(1, 1)]
        until(lambda: queues(api)[0]["tx_packets"] >= 20, "the queue to count them")


def test_queues_over_ovsdb(ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with qos("ovs", ryu_app, address, tmp_path) as (api, net):
        assert net.ovs is not None
        net.ovs.offer_database("ptcp:6640:127.0.0.1")
        assert api.ask("PUT", f"{CONF}/{SWITCH}/ovsdb_addr", "tcp:127.0.0.1:6640").status == 201

        queues = [{"max_rate": "500000"}, {"min_rate": "800000"}]
        wanted = {"port_name": "s1-h1", "type": "linux-htb", "max_rate": "1000000", "queues": queues}
        until(lambda: made(api, wanted), "the bridge to be known")
        assert api.get(QUEUE)[0]["command_result"]["details"]["s1-h1"]["0"] == {"config": {"max-rate": "500000"}}
        told = net.ovs.vsctl("--format=json", "--columns=other_config", "list", "queue")
        assert '["max-rate","500000"]' in told
        assert '["min-rate","800000"]' in told
        assert "linux-htb" in net.ovs.vsctl("get", "qos", net.ovs.vsctl("get", "port", "s1-h1", "qos").strip(), "type")
        until(lambda: status(api) == [(1, 0), (1, 1)], "the switch to have the queues")

        rule(api, {"queue": "1"}, nw_dst="10.0.0.1", nw_proto="UDP", tp_dst="5005")
        until(lambda: [flow for flow in net.flows(1) if "set_queue:1" in flow], "the rule")
        with Receiver(net, 1, "10.0.0.1", 5005) as receiver:
            send(net, 2, "10.0.0.1", 5005, 20)
            receiver.take(20)
        api.delete(QUEUE)
        assert net.ovs.vsctl("get", "port", "s1-h1", "qos").strip() == "[]"


def made(api: Api, queues: dict[str, Any]) -> bool:
    (answer,) = api.post(QUEUE, queues)
    return bool(answer["command_result"]["result"] == "success")


def status(api: Api) -> list[tuple[int, int]]:
    return sorted((queue["port_no"], queue["queue_id"]) for queue in queues(api))


def queues(api: Api) -> list[dict[str, Any]]:
    """What the switch says of them."""
    found: list[dict[str, Any]] = api.get(f"/qos/queue/status/{SWITCH}")[0]["command_result"]["1"]
    return found


def test_configuration_of_switches(ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    """rest_conf_switch alone: it keeps keys and values for switches, whether they are there or not."""
    with served(tmp_path, ryu_app("rest_conf_switch"), ryu_app("rest_qos"), "--listen", address) as api:
        assert api.get(CONF) == []
        assert api.ask("PUT", f"{CONF}/{SWITCH}/ovs_tunnel_addr", "192.0.2.7").status == 201
        assert api.ask("PUT", f"{CONF}/{SWITCH}/colour", {"red": 1}).status == 201
        assert api.get(CONF) == [SWITCH]
        assert sorted(api.get(f"{CONF}/{SWITCH}")) == ["colour", "ovs_tunnel_addr"]
        assert api.get(f"{CONF}/{SWITCH}/colour") == {"red": 1}
        api.delete(f"{CONF}/{SWITCH}/colour")
        assert api.ask("GET", f"{CONF}/{SWITCH}/colour").status == 404
        assert api.ask("DELETE", f"{CONF}/{SWITCH}").status == 202
        assert api.ask("GET", f"{CONF}/{SWITCH}").status == 404
        assert api.get(CONF) == []
