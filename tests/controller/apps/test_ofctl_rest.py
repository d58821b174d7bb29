"""ofctl_rest: each of its calls, in each version; its effects are looked up in the switch, and by traffic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.controller.apps.rest import Api, served
from tests.controller.plant import Plant, plant, until

RyuApp = Callable[[str], str]
VERSIONS = ("1.0", "1.2", "1.3", "1.4", "1.5")
MANUFACTURER = {"triplane": "Triplane", "ovs": "Nicira, Inc."}
QUEUES = {"s1-h1": "queue1=10M-100M"}  # of our forwarder; Open vSwitch's have to be made over OVSDB: see rest_qos
PATIENT = str(Path(__file__).parent / "scripts" / "patient_ofctl.py")
ACROSS = ((1, 2), (2, 1))
PORT_DOWN = 1  # OFPPC_PORT_DOWN
OFPG_BUCKET_ALL = 0xFFFFFFFF
NOT_HERE = 501  # what the app says to a call that its version of OpenFlow has not


class Bench(NamedTuple):
    """What a test talks to."""

    api: Api
    net: Plant
    kind: str
    version: str

    def has(self, since: str, until: str = "9") -> bool:
        """Whether this version is among these."""
        return since <= self.version <= until

    @property
    def partial(self) -> bool:
        """The switch is Open vSwitch 3.1 in OpenFlow 1.5, which is not complete."""
        return self.kind == "ovs" and self.version == "1.5"

    def stats(self, what: str, body: Any = None) -> Any:
        """A request for statistics of switch 1; POST if there is a body."""
        call, _, rest = what.partition("/")
        path = f"/stats/{call}/1" + (f"/{rest}" if rest else "")
        return self.api.call("POST" if body else "GET", path, body)["1"]

    def refuses(self, *calls: str) -> None:
        for call in calls:
            assert self.api.ask("GET", f"/stats/{call}/1").status == NOT_HERE, call

    def entry(self, what: str, command: str, **body: Any) -> None:
        self.api.post(f"/stats/{what}entry/{command}", {"dpid": 1, **body})

    def flow(self, command: str, match: dict[str, Any], *actions: dict[str, Any], **more: Any) -> None:
        """A flow entry with these actions, as each version wants them written."""
        if self.has("1.4"):
            instructions = [{"type": "APPLY_ACTIONS", "actions": list(actions)}] if actions else []
            more["instructions"] = instructions
        else:
            more["actions"] = list(actions)
        self.entry("flow", command, match=match, **more)

    def across(self, action: Callable[[int], list[dict[str, Any]]]) -> None:
        """Hosts 1 and 2 reach each other, by way of actions that lead to a port."""
        for one, other in ACROSS:
            self.flow("add", {"in_port": one}, *action(other), priority=100, cookie=one)

    def flows(self) -> list[str]:
        return self.net.flows(1)

    def flow_in_switch(self, *words: str, count: int = 1) -> None:
        until(lambda: sum(all(word in flow for word in words) for flow in self.flows()) == count, (words, count))

    def clear(self) -> None:
        self.api.delete("/stats/flowentry/clear/1")
        until(lambda: not self.flows(), "no flow")


@contextmanager
def bench(kind: str, version: str, app: str, address: str, folder: Path) -> Iterator[Bench]:
    with (
        served(folder, PATIENT, app, "--listen", address, traces=".*") as api,
        plant(kind, folder, address, hosts=(1, 1, 1), openflow=version, port_options=QUEUES) as net,
    ):
        until(lambda: api.get("/stats/switches") == [1], "the switch")
        yield Bench(api, net, kind, version)


def output(port: int) -> list[dict[str, Any]]:
    return [{"type": "OUTPUT", "port": port}]


@pytest.mark.parametrize("version", VERSIONS)
def test_each_call(kind: str, version: str, ryu_app: RyuApp, address: str, tmp_path: Path) -> None:
    with bench(kind, version, ryu_app("ofctl_rest"), address, tmp_path) as at:
        description(at)
        flow_entries(at)
        flow_statistics(at)
        ports(at)
        groups(at)
        meters(at)
        queues(at)
        roles(at)
        experimenter(at)
        refusals(at)


def description(at: Bench) -> None:
    assert at.stats("desc")["mfr_desc"] == MANUFACTURER[at.kind]
    assert first_table(at)["active_count"] == 0
    if at.has("1.3"):
        features = {table["table_id"]: table for table in at.stats("tablefeatures")}
        assert {part["type"] for part in features[0]["properties"]} >= {"INSTRUCTIONS", "MATCH", "WILDCARDS"}
    else:
        at.refuses("tablefeatures")


def first_table(at: Bench) -> dict[str, Any]:
    """The statistics of table 0."""
    (found,) = [table for table in at.stats("table") if table["table_id"] == 0]
    return dict(found)


def flow_entries(at: Bench) -> None:
    """Added, modified and deleted, each with and without _strict: the switch says so, and the hosts' packets."""
    at.across(output)
    at.flow_in_switch("actions=output:", count=2)
    until(lambda: at.net.pings(1, 2), "host 1 to reach host 2")

    at.flow(
        "add",
        {"in_port": 1, "dl_dst": at.net.mac(3)} if not at.has("1.4") else {"in_port": 1, "eth_dst": at.net.mac(3)},
        *output(3),
        priority=200,
    )
    at.flow_in_switch("dl_dst=", "priority=200", "actions=output:3")
    at.flow("modify", {"in_port": 1}, *output(2))
    at.flow_in_switch("in_port=1", "actions=output:2", count=2)
    at.flow("modify_strict", {"in_port": 1}, *output(3), priority=100)
    until(lambda: not at.net.pings(1, 2, wait=0.3), "host 1 to be led elsewhere")
    at.flow("modify_strict", {"in_port": 1}, *output(2), priority=100)
    until(lambda: at.net.pings(1, 2), "host 1 to reach host 2")

    at.flow("delete_strict", {"in_port": 1}, priority=99)
    at.flow("delete_strict", {"in_port": 1}, priority=100)
    at.flow_in_switch("in_port=1", count=1)
    at.flow("delete", {"in_port": 1})
    at.flow_in_switch("in_port=1", count=0)
    at.flow_in_switch("in_port=2")
    at.flow("add", {"in_port": 3}, idle_timeout=100, hard_timeout=200, priority=7)
    at.flow_in_switch("idle_timeout=100", "hard_timeout=200", "priority=7", "actions=drop")
    at.clear()


def flow_statistics(at: Bench) -> None:
    at.across(output)
    at.flow_in_switch("actions=output:", count=2)
    until(lambda: at.net.pings(1, 2, count=3), "host 1 to reach host 2")
    one_way = {"match": {"in_port": 1}}
    if not at.partial:  # OFPMP_FLOW_STATS is unknown to it
        for call in ("flow", "flowdesc"):
            assert len(at.stats(call)) == 2
        (flow,) = at.stats("flow", one_way)
        assert flow["match"] == {"in_port": 1}
        assert at.stats("flow", {"priority": 99}) == []
        until(lambda: counted(at.stats("flow", one_way), "packet_count") >= 3, "the flow's packets")
        if not at.has("1.4"):
            assert flow["actions"] == ["OUTPUT:2"]
        elif not at.has("1.5"):
            assert flow["instructions"][0]["actions"][0]["port"] == 2
    assert counted(at.stats("aggregateflow"), "flow_count") == 2
    assert counted(at.stats("aggregateflow", one_way), "flow_count") == 1
    until(lambda: counted(at.stats("aggregateflow", one_way), "packet_count") >= 3, "the packets of one way")
    until(lambda: counted(at.stats("aggregateflow"), "packet_count") >= 6, "the packets of both ways")
    assert first_table(at)["active_count"] == 2
    until(lambda: first_table(at)["matched_count"] >= 6, "the table to count them")
    at.clear()


def counted(found: list[dict[str, Any]], what: str) -> int:
    """A counter of the only entry there is; those of 1.5 stand in a part of their own."""
    (stats,) = found
    return int(stats.get("stats", stats)[what])


def ports(at: Bench) -> None:
    at.across(output)
    at.flow_in_switch("actions=output:", count=2)
    until(lambda: at.net.pings(1, 2), "host 1 to reach host 2")
    counters = {port["port_no"]: port for port in at.stats("port")}
    assert set(counters) - {"LOCAL"} == {1, 2, 3}
    until(lambda: counted(at.stats("port/1"), "rx_packets") >= 2, "the port's packets")
    assert [port["port_no"] for port in at.stats("port/1")] == [1]
    descriptions = {port["port_no"]: port for port in at.stats("portdesc")}
    assert descriptions[1]["name"] == "s1-h1"
    if at.has("1.5"):
        (one,) = at.stats("portdesc/1")
        assert one["name"] == "s1-h1"
    properties = {"properties": [{"type": "ETHERNET", "advertise": 0}]} if at.has("1.4") else {}
    for config, works in ((PORT_DOWN, False), (0, True)):
        body = {"dpid": 1, "port_no": 1, "config": config, "mask": PORT_DOWN, **properties}
        at.api.post("/stats/portdesc/modify", body)
        until(lambda config=config: port_config(at) & PORT_DOWN == config, "the port's configuration")
        until(lambda works=works: at.net.pings(1, 2, wait=0.3) == works, f"ping to work: {works}")
    at.clear()


def port_config(at: Bench) -> int:
    return int(next(port for port in at.stats("portdesc") if port["port_no"] == 1)["config"])


def groups(at: Bench) -> None:
    if not at.has("1.2"):
        at.refuses("groupdesc", "group", "groupfeatures")
        return
    whole = {"command_bucket_id": OFPG_BUCKET_ALL} if at.has("1.5") else {}
    for port in (1, 2):
        at.entry("group", "add", type="ALL", group_id=port, buckets=[{"actions": output(port)}], **whole)
    at.across(lambda port: [{"type": "GROUP", "group_id": port}])
    at.flow_in_switch("actions=group:", count=2)
    until(lambda: at.net.pings(1, 2), "host 1 to reach host 2")
    described = {group["group_id"]: group for group in at.stats("groupdesc")}
    assert set(described) == {1, 2}
    assert described[2]["type"] == "ALL"
    assert len(described[2]["buckets"]) == 1
    until(lambda: counted(at.stats("group/1"), "packet_count") >= 1, "the group's packets")
    assert counted(at.stats("group/1"), "ref_count") == 1
    assert len(at.stats("group")) == 2
    if at.has("1.5"):
        (only,) = at.stats("groupdesc/2")
        assert only["group_id"] == 2
    (features,) = at.stats("groupfeatures")
    assert set(features["types"]) >= {"ALL", "SELECT", "INDIRECT", "FF"}
    at.entry("group", "modify", type="ALL", group_id=2, buckets=[{"actions": output(3)}], **whole)
    until(lambda: not at.net.pings(1, 2, wait=0.3), "the group to lead elsewhere")
    at.entry("group", "delete", type="ALL", group_id=1, **whole)
    until(lambda: [group["group_id"] for group in at.stats("groupdesc")] == [2], "one group")
    at.flow_in_switch("actions=group:", count=1)
    at.entry("group", "delete", type="ALL", group_id=2, **whole)
    at.clear()


def meters(at: Bench) -> None:
    if not at.has("1.3"):
        at.refuses("meter", "meterconfig", "meterdesc", "meterfeatures")
        return
    at.refuses("meterconfig" if at.has("1.5") else "meterdesc")
    at.entry("meter", "add", meter_id=1, flags=["PKTPS", "STATS"], bands=[{"type": "DROP", "rate": 1000}])
    if at.version == "1.4":
        for one, other in ACROSS:
            apply = {"type": "APPLY_ACTIONS", "actions": output(other)}
            instructions = [{"type": "METER", "meter_id": 1}, apply]
            at.entry("flow", "add", match={"in_port": one}, instructions=instructions, priority=100)
    else:
        at.across(lambda port: [{"type": "METER", "meter_id": 1}, *output(port)])
    at.flow_in_switch("meter", count=2)
    until(lambda: at.net.pings(1, 2), "host 1 to reach host 2")
    until(lambda: counted(at.stats("meter"), "packet_in_count") >= 2, "the meter's packets")
    assert at.stats("meter/1")[0]["meter_id"] == 1
    until(lambda: meter_rate(at) == 1000, "the rate")
    if not at.has("1.5"):
        (described,) = at.stats("meterconfig/1")
        assert set(described["flags"]) == {"PKTPS", "STATS"}
        assert described["bands"][0]["rate"] == 1000
    else:
        assert at.stats("meterdesc/1") == []  # the app does not listen to OFPMeterDescStatsReply
    if not at.partial:  # its answer has the length of 1.3's
        (features,) = at.stats("meterfeatures")
        assert "DROP" in features["band_types"]
    at.entry("meter", "modify", meter_id=1, flags=["KBPS"], bands=[{"type": "DROP", "rate": 5000}])
    until(lambda: meter_rate(at) == 5000, "the new rate")
    at.entry("meter", "delete", meter_id=1)
    until(lambda: not at.stats("meter"), "no meter")
    at.flow_in_switch("meter", count=0)
    at.clear()


def meter_rate(at: Bench) -> int:
    """Of the only meter, as the switch says."""
    found = re.findall(r"\brate=(\d+)", at.net.ofctl(1, "dump-meters"))
    return int(found[0]) if len(found) == 1 else -1


def queues(at: Bench) -> None:
    ours = at.kind == "triplane"
    if ours:
        queue = {"type": "ENQUEUE", "port": 1, "queue_id": 1}
        at.across(lambda port: [queue] if at.version == "1.0" and port == 1 else [*set_queue(at, port), *output(port)])
        at.flow_in_switch("in_port=2")
        until(lambda: at.net.pings(1, 2, count=2), "host 1 to reach host 2")
    for call in ("queue", "queue/1", *(("queue/1/1", "queue/ALL/1") if ours else ())):
        found = [(queue["port_no"], queue["queue_id"]) for queue in at.stats(call)]
        assert found == ([(1, 1)] if ours else [])
    if ours:
        until(lambda: at.stats("queue/1/1")[0]["tx_packets"] >= 2, "the queue to count them")
    if at.has("1.4"):
        at.refuses("queueconfig")
        for call in ("queuedesc", "queuedesc/1", *(("queuedesc/1/1", "queuedesc/ALL/1") if ours else ())):
            assert [(queue["port_no"], queue["queue_id"]) for queue in at.stats(call)] == ([(1, 1)] if ours else [])
    elif at.has("1.2"):
        at.refuses("queuedesc")
        configs = at.stats("queueconfig/1")
        assert [config["port"] for config in configs] == [1]
        assert [queue["queue_id"] for queue in configs[0]["queues"]] == ([1] if ours else [])
    else:
        at.refuses("queuedesc", "queueconfig")
    at.clear()


def set_queue(at: Bench, port: int) -> list[dict[str, Any]]:
    return [{"type": "SET_QUEUE", "queue_id": 1}] if port == 1 else []


def roles(at: Bench) -> None:
    if not at.has("1.2"):
        at.refuses("role")
        return
    assert at.stats("role")[0]["role"] == "EQUAL"
    for role in ("MASTER", "EQUAL"):
        at.api.post("/stats/role", {"dpid": 1, "role": role})
        until(lambda role=role: at.stats("role")[0]["role"] == role, f"the role {role}")


def experimenter(at: Bench) -> None:
    """The switch does not know this experimenter, and the controller hears that."""
    body = {"experimenter": 0x123456, "exp_type": 1, "data": "aloha", "data_type": "ascii"}
    if at.has("1.2"):
        at.api.post("/stats/experimenter/1", body)
        at.api.said("OFPBRC_BAD_EXPERIMENTER")
    else:
        assert at.api.ask("POST", "/stats/experimenter/1", body).status == NOT_HERE


def refusals(at: Bench) -> None:
    ask = at.api.ask
    assert ask("GET", "/stats/flow/2").status == 404
    assert ask("GET", "/stats/flow/nonsense").status == 400
    assert ask("POST", "/stats/flow/1", b"{nonsense").status == 400
    assert ask("POST", "/stats/flowentry/add", b"{nonsense").status == 400
    assert ask("POST", "/stats/flowentry/add", {"match": {}}).status == 400
    assert ask("POST", "/stats/flowentry/add", {"dpid": 2}).status == 404
    assert ask("POST", "/stats/flowentry/invent", {"dpid": 1}).status == 404
    assert ask("POST", "/stats/portdesc/modify", {"dpid": 1, "port_no": 77}).status == 404
    assert ask("DELETE", "/stats/flow/1").status == 404
    assert ask("GET", "/stats").status == 404
