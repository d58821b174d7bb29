"""Open vSwitch's own client, ovs-ofctl, against a listener: it reads every reply in its own strict way."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from os_ken.ofproto import ofproto_v1_3 as ofp

from tests.dataplane.switch.live import Live, live, until, within
from triplane.dataplane.switch.datapath import PacketIn
from triplane.dataplane.switch.state import AgentConfig
from triplane.dataplane.tables.punts import packet_match


def target(switch: Live) -> str:
    return f"tcp:127.0.0.1:{switch.bound[0].port}"


async def ofctl(switch: Live, command: str, *arguments: str, version: str = "OpenFlow13") -> str:
    """What it prints, errors too."""
    words = ("ovs-ofctl", "-O", version, command, target(switch), *arguments)
    process = await asyncio.create_subprocess_exec(
        *words, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await within(process.communicate())
    return output.decode()


def session(*commands: tuple[str, ...]) -> list[str]:
    """Output of each command, all against one switch with two ports."""

    async def script() -> list[str]:
        async with live(listeners=["ptcp:0:127.0.0.1"]) as switch:
            return [await ofctl(switch, *command) for command in commands]

    return asyncio.run(script())


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("show", ["dpid:0000000000001234", "n_tables:254, n_buffers:256", " 1(port1): addr:02:00:00:00:00:01"]),
        ("dump-desc", ["Manufacturer: Triplane"]),
        ("dump-tables", ["active=0, lookup=0, matched=0", "tables 1...253: ditto"]),
        ("dump-ports", ["2 ports", "rx pkts=1, bytes=3, drop=5, errs=7", "duration=9.00000001s"]),
        ("dump-ports-desc", [" 2(port2): addr:02:00:00:00:00:02", "LIVE"]),
        ("dump-aggregate", ["flow_count=0"]),
        ("dump-group-features", ["Types:  0xf"]),
        ("meter-features", ["max_meter:1000"]),
        ("queue-stats", ["port 1 queue 7: bytes=10, pkts=20, errors=30"]),
        ("queue-get-config", ["queue 7: min_rate:10.0%"]),
        ("get-frags", ["normal"]),
        ("dump-table-features", ["next tables: 1-253", "max_entries=1000000", 'table 253 ("table253")']),
    ],
)
def test_reads(command: str, expected: list[str]) -> None:
    (output,) = session((command,))
    assert [text for text in expected if text not in output] == []
    assert "***" not in output, "its mark for what it cannot decode"


def test_probe() -> None:
    assert session(("probe",)) == [""]


def test_table_features_name_actions_and_fields() -> None:
    (output,) = session(("dump-table-features",))
    first = output.split("table 1 ")[0]
    assert "instructions: meter apply_actions clear_actions write_actions write_metadata goto_table" in first
    assert "arbitrary mask: tun_id metadata eth_{src,dst} vlan_vid ip_{src,dst} ipv6_{src,dst,label}" in first


def test_fragment_handling() -> None:
    dropped, refused = session(("set-frags", "drop"), ("set-frags", "reassemble"))
    assert dropped == ""
    assert "OFPSCFC_BAD_FLAGS" in refused


def test_flows_groups_and_meters() -> None:
    outputs = session(
        ("add-flow", "table=1,priority=5,ip,nw_dst=10.0.0.0/8,actions=output:2"),
        ("dump-flows",),
        ("del-flows",),
        ("dump-flows",),
        ("add-group", "group_id=1,type=all,bucket=output:1"),
        ("dump-groups",),
        ("add-meter", "meter=1,kbps,band=type=drop,rate=100"),
        ("dump-meters",),
    )
    assert "table=1, n_packets=0, n_bytes=0, priority=5,ip,nw_dst=10.0.0.0/8 actions=output:2" in outputs[1]
    assert "priority" not in outputs[3]
    assert "group_id=1,type=all,bucket=actions=output:1" in outputs[5]
    assert "meter=1 kbps bands=\ntype=drop rate=100" in outputs[7]


def test_port_is_switched_off() -> None:
    off, shown = session(("mod-port", "1", "down"), ("dump-ports-desc", "1"))
    assert off == ""
    assert "PORT_DOWN" in shown


def test_other_versions_are_refused() -> None:
    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"]) as switch:
            for version in ("OpenFlow10", "OpenFlow14"):
                assert "failed to connect" in await ofctl(switch, "show", version=version)
            assert "dpid" in await ofctl(switch, "show", version="OpenFlow10,OpenFlow13,OpenFlow15")

    asyncio.run(script())


def test_packet_out_and_monitor(tmp_path: Path) -> None:
    settings = 6  # messages that it begins with: hello, get and set config, packet-in format, two barriers

    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"]) as switch:
            packet = "in_port=1 packet=ffffffffffff0000000000010806 actions=output:2"
            assert await ofctl(switch, "packet-out", packet) == ""
            assert switch.datapath.sent[0][0] == 1
            process = await asyncio.create_subprocess_exec(
                *("ovs-ofctl", "-O", "OpenFlow13", "monitor", target(switch), "65534"),
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "OVS_RUNDIR": str(tmp_path)},
            )
            await until(lambda: any(conn.requests == settings for conn in switch.agent.switch.connections))
            match = bytes.fromhex("0001000c 80000004 00000001 00000000")
            switch.datapath.waiting.append(PacketIn(ofp.OFPR_ACTION, 2, 9, 1, 0xFFFF, match, bytes(60)))
            switch.service.port_changed(ofp.OFPPR_DELETE, switch.datapath.known[2])
            seen = ""
            while "PACKET_IN" not in seen or "PORT_STATUS" not in seen:
                seen += (await within(process.stderr.readline())).decode()  # type: ignore[union-attr]
            process.terminate()
            await within(process.wait())
            assert "table_id=2 cookie=0x9 total_len=60 in_port=1 (via action) data_len=60 (unbuffered)" in seen

    asyncio.run(script())


PACKET_IN = "table_id=2 cookie=0x9 total_len=60 reg0=0x5,tun_id=0x9,metadata=0x7,in_port=1 (via action) data_len=60"


@pytest.mark.parametrize("version", ["OpenFlow10", "OpenFlow12", "OpenFlow13", "OpenFlow14"])
@pytest.mark.parametrize("form", ["nxt_packet_in", "nxt_packet_in2"])
def test_packet_ins_of_nicira(tmp_path: Path, version: str, form: str) -> None:
    """With table, cookie and registers, in every version."""

    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"], config=AgentConfig(versions=(1, 3, 4, 5))) as switch:
            process = await asyncio.create_subprocess_exec(
                *("ovs-ofctl", "-O", version, "-P", form, "monitor", target(switch), "65534"),
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "OVS_RUNDIR": str(tmp_path)},
            )
            await until(lambda: any(conn.packet_in_format for conn in switch.agent.switch.connections))
            match = packet_match(1, 1, 7, 9, (0, 5 << 32, *[0] * 7))
            switch.datapath.waiting.append(PacketIn(ofp.OFPR_ACTION, 2, 9, 1, 0xFFFF, match, bytes(60)))
            switch.service.port_changed(ofp.OFPPR_DELETE, switch.datapath.known[2])
            seen = ""
            while PACKET_IN not in seen:
                seen += (await within(process.stderr.readline())).decode()  # type: ignore[union-attr]
            assert f"{form.upper()} (" in seen
            assert "***" not in seen
            process.terminate()
            await within(process.wait())

    asyncio.run(script())


@pytest.mark.parametrize(
    ("version", "first"),
    [("OpenFlow10", "ADDED"), ("OpenFlow12", "ADDED"), ("OpenFlow13", "ADDED"), ("OpenFlow14", "INITIAL")],
)
def test_a_monitor_of_flow_entries(tmp_path: Path, version: str, first: str) -> None:
    """OpenFlow 1.4's, ONF's extension of 1.3, and Nicira's of before: what is there, what another controller changes.

    What the tool calls `own` it sends as OFPFMF_ONLY_OWN in 1.4: other controllers' changes are not wanted.
    """

    async def script() -> None:
        async with live(listeners=["ptcp:0:127.0.0.1"], config=AgentConfig(versions=(1, 3, 4, 5))) as switch:
            await ofctl(switch, "add-flow", "in_port=1,actions=output:2")
            process = await asyncio.create_subprocess_exec(
                *("ovs-ofctl", "-O", version, "monitor", target(switch), "watch:!own"),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**os.environ, "OVS_RUNDIR": str(tmp_path)},
            )
            await until(lambda: switch.datapath.watched)
            await ofctl(switch, "add-flow", "in_port=2,priority=7,actions=output:1")
            await ofctl(switch, "del-flows")
            seen = ""
            while seen.count("reason=delete") < 2:
                seen += (await within(process.stderr.readline())).decode()  # type: ignore[union-attr]
            process.terminate()
            there, _ = await within(process.communicate())
            assert f"event={first} table=0 cookie=0 in_port=1 actions=output:2" in there.decode()
            assert "event=ADDED table=0 cookie=0 in_port=2" in seen
            assert "reason=delete table=0" in seen

    asyncio.run(script())
