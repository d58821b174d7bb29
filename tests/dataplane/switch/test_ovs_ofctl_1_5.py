"""Open vSwitch's own client, speaking OpenFlow 1.5, against the real data plane: it reads replies strictly.

`meter-features` is not here: ovs-ofctl 3.1 expects the structure of 1.4, 8 bytes shorter.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from tests.dataplane.switch.live import QUICK, until, within
from triplane.dataplane.node import Node
from triplane.dataplane.switch.agent import Agent
from triplane.dataplane.switch.service import Service
from triplane.dataplane.switch.state import AgentConfig, Identity


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    made = Node()
    yield made
    made.close()


async def ofctl(target: str, *words: str) -> str:
    """What it prints, errors too."""
    options = [word for word in words if word.startswith("-")]
    name, *rest = [word for word in words if word not in options]
    command = ("ovs-ofctl", "-O", "OpenFlow15", *options, name, target, *rest)
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await within(process.communicate())
    return output.decode()


def session(node: Node, *commands: tuple[str, ...]) -> list[str]:
    """Output of each command, all against one switch, which forgets what they did."""

    async def script() -> list[str]:
        agent = Agent(node, Identity(0x1234), AgentConfig())
        service = Service(agent, [], ["ptcp:0:127.0.0.1"], QUICK, node.packet_in_fd)
        target = f"tcp:127.0.0.1:{(await service.start())[0].port}"
        try:
            return [await ofctl(target, *command) for command in commands]
        finally:
            for command in ("del-flows", "del-groups", "del-meters"):
                await ofctl(target, command)
            await until(lambda: not agent.switch.connections)
            await service.stop()

    return asyncio.run(script())


READS: dict[str, list[str]] = {
    "show": ["OFPT_FEATURES_REPLY (OF1.5)", "n_tables:254", "BUNDLES"],
    "dump-desc": ["Manufacturer: Triplane"],
    "dump-tables": ["active=0, lookup=0"],
    "dump-aggregate": ["flow_count=0"],
    "dump-ports": ["OFPST_PORT reply (OF1.5)"],
    "dump-ports-desc": ["OFPST_PORT_DESC reply (OF1.5)"],
    "dump-group-features": ["Types:  0xf"],
    "queue-get-config": ["OFPST_QUEUE_DESC reply (OF1.5)"],
    "dump-table-desc": ["eviction=off"],
    "dump-table-features": ["exact match or wildcard: packet_type in_port_oxm actset_output", "tcp_flags"],
    "get-frags": ["normal"],
    "probe": [],
}


@pytest.mark.parametrize("command", READS)
def test_reads(node: Node, command: str) -> None:
    (output,) = session(node, (command,))
    assert [text for text in READS[command] if text not in output] == []
    assert "***" not in output, "its mark for what it cannot decode"


def test_buckets(node: Node) -> None:
    add = "group_id=5,type=select,bucket=bucket_id:1,weight:3,output:1,bucket=bucket_id:2,weight:2,output:2"
    *quiet, inserted, counted = session(
        node,
        ("add-group", add),
        ("insert-buckets", "group_id=5,command_bucket_id=first,bucket=bucket_id:7,weight:1,output:3"),
        ("insert-buckets", "group_id=5,command_bucket_id=1,bucket=bucket_id:8,weight:5,output:4"),
        ("remove-buckets", "group_id=5,command_bucket_id=2"),
        ("dump-groups", "5"),
        ("dump-group-stats", "group_id=5"),
    )
    assert quiet == [""] * 4
    places = [inserted.index(text) for text in ("bucket_id:7", "bucket_id:1,weight:3", "bucket_id:8,weight:5")]
    assert places == sorted(places)
    assert "bucket_id:2," not in inserted
    assert "bucket2:packet_count=0" in counted
    (refused,) = session(node, ("remove-buckets", "group_id=6,command_bucket_id=1"))
    assert "OFPGMFC_UNKNOWN_GROUP" in refused


def test_flows(node: Node) -> None:
    *quiet, told, chosen, total = session(
        node,
        ("add-flow", "priority=3,importance=7,idle_timeout=60,tcp,tp_dst=80,actions=output:2"),
        ("add-flow", "table=1,priority=4,cookie=9,arp,actions=write_actions(output:1)"),
        ("dump-flows",),
        ("dump-flows", "table=1"),
        ("dump-aggregate",),
    )
    assert quiet == ["", ""]
    assert "importance=7, priority=3,tcp,tp_dst=80 actions=output:2" in told.replace("idle_timeout=60, ", "")
    assert "cookie=0x9" in chosen
    assert "tp_dst" not in chosen
    assert "packet_count=0 byte_count=0 flow_count=2" in total


def test_a_bundle(node: Node) -> None:
    _, told = session(node, ("--bundle", "add-flow", "priority=3,actions=output:2"), ("dump-flows",))
    assert "priority=3 actions=output:2" in told


def test_meters_and_packets(node: Node) -> None:
    frame = "ffffffffffff0200000000010806" + "00" * 46
    added, told, stats, sent = session(
        node,
        ("add-meter", "meter=3,pktps,band=type=drop,rate=5"),
        ("dump-meters",),
        ("meter-stats",),
        ("packet-out", f"in_port=controller,packet={frame},actions=output:1"),
    )
    assert (added, sent) == ("", "")
    assert "meter=3 pktps" in told
    assert "meter:3 flow_count:0" in stats
