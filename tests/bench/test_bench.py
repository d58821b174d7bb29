"""The benchmark itself: entries and frames fit each other, the generators send what they should, the table is right.

Nothing is timed here.
"""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from scapy.all import TCP, Ether

from tests.bench import frames, pipeline, report, rules
from tests.bench.figures import Figure
from tests.bench.forwarders import bridge
from tests.bench.generators.kernels import switches
from tests.bench.generators.switches import PROTOCOL, packet_in
from tests.bench.goals import GOALS, Goal
from tests.bench.lab import Pair
from tests.bench.programs import BenchError
from triplane.dataplane.openflow import ofproto_v1_3 as ofp
from triplane.dataplane.openflow import ofproto_v1_3_parser as parser
from triplane.tap.namespaces import in_namespace, namespaces

SOURCE = bytes.fromhex(frames.SOURCE_MAC.replace(":", ""))


@pytest.mark.parametrize(
    ("mods", "played"),
    [
        (rules.routes(), frames.flows(300)),
        (rules.exact(300), frames.flows(300)),
        (rules.masked(500), frames.masked_flows(500, 2000)),
        (rules.chain(20), frames.flows(10)),
        (pipeline.one_mask(), frames.new_flows(300)),
    ],
)
def test_every_frame_finds_its_entry(mods: bytes, played: frames.Frames) -> None:
    figure = pipeline.measure("case", mods, played, packets=len(played), rounds=2)  # raises if a packet is lost
    assert len(figure.samples) == 2


def test_a_frame_too_many_is_noticed() -> None:
    with pytest.raises(BenchError, match="0 of 10 packets"):
        pipeline.measure("case", rules.distinct(5), frames.flows(5), packets=5, rounds=2)


def test_entries_are_distinct() -> None:
    size = len(rules.distinct(1))
    messages = rules.distinct(5000)
    assert len({messages[at : at + size] for at in range(0, len(messages), size)}) == 5000


def test_no_new_flow_comes_twice() -> None:
    assert len({row.tobytes() for row in frames.new_flows(10_000)}) == 10_000


@contextmanager
def capture(pair: Pair) -> Iterator[socket.socket]:
    """What reaches the sink."""
    receiver = in_namespace(pair.sink, lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800)))
    receiver.settimeout(60)
    with receiver:
        yield receiver


def read(receiver: socket.socket, count: int) -> list[bytes]:
    """Frames of the source: a bridge sends some of its own."""
    got: list[bytes] = []
    while len(got) < count:
        frame = receiver.recv(2000)
        if frame[6:12] == SOURCE:
            got.append(frame)
    return got


@pytest.mark.parametrize(("kind", "options"), [("live", []), ("ring", []), ("ring", ["--pps", "20000"])])
def test_a_generator_plays_its_frames(tmp_path: Path, kind: str, options: list[str]) -> None:
    played = frames.flows(700, frames.SINK_MAC)
    (tmp_path / "frames").write_bytes(played.tobytes())
    wanted = [row[: frames.LENGTH].tobytes() for row in played]
    with bridge(tmp_path) as forwarder, capture(forwarder.pair) as receiver:
        generator = forwarder.pair.generator(kind, tmp_path / "frames", *options)
        try:
            generator.resume()
            got = set(read(receiver, 5000))
        finally:
            generator.end()
    assert len(got) > 300  # a bridge that is flooded loses some
    assert got <= set(wanted)


def test_a_live_generator_makes_new_flows(tmp_path: Path) -> None:
    one = frames.flows(1, frames.SINK_MAC)
    (tmp_path / "frames").write_bytes(one.tobytes())
    with bridge(tmp_path) as forwarder, capture(forwarder.pair) as receiver:
        generator = forwarder.pair.generator("live", tmp_path / "frames", "--new")
        try:
            generator.resume()
            got = read(receiver, 5000)
        finally:
            generator.end()
    ports = {frame[frames.UDP : frames.UDP + 4] for frame in got}
    assert len(ports) == 5000
    assert {frame[: frames.UDP] + frame[frames.UDP + 4 :] for frame in got} == {
        bytes(one[0, : frames.UDP]) + bytes(one[0, frames.UDP + 4 : frames.LENGTH])
    }


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with bridge(tmp_path) as forwarder:
        names = (forwarder.pair.source, forwarder.pair.device, forwarder.pair.sink)
    with namespaces(*names):  # the names are free again
        pass


def test_goals() -> None:
    ours, peer = Figure("a/b/xdp", "kpps", [90, 100, 300]), Figure("a/b/ovs-afxdp", "kpps", [50])
    both = {figure.name: figure for figure in (ours, peer)}
    assert Goal(2, "a/b/ovs-afxdp").met(ours, both) is True
    assert Goal(2.1, "a/b/ovs-afxdp").met(ours, both) is False
    assert Goal(2, "a/b/bridge").met(ours, both) is None
    assert Goal(99, least=False).met(ours, both) is False
    assert report.row(ours, both)[2:6] == ("100", "90.0-300", "kpps", "2.00 x ovs-afxdp")


def test_goals_are_for_figures_that_exist() -> None:
    pieces = {"pipeline", "throughput", "tcp", "latency", "flow-mods", "process", "controller"}
    names = [*GOALS, *(goal.of for goals in GOALS.values() for goal in goals if goal.of)]
    assert {name.split("/")[0] for name in names} <= pieces
    measured = {f"pipeline/{name}/triplane" for name, _, _ in pipeline.cases(1, 1)}
    assert {name for name in names if name.startswith("pipeline/")} <= measured


def test_emulated_switches_count_answers_wherever_the_stream_is_cut() -> None:
    row, scratch = np.zeros(switches.COLUMNS, np.int64), np.zeros(switches.CHUNK, np.uint8)
    messages = [packet_out(60), packet_out(0), flow_mod(), packet_out(1000), error()]
    stream = b"".join(messages)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        row[switches.FD] = ours.fileno()
        for start in range(0, len(stream), 7):
            theirs.send(stream[start : start + 7])
            switches.receive(row, scratch, ofp.OFPT_PACKET_OUT)
        assert (row[switches.ANSWERS], row[switches.OTHERS], row[switches.ERRORS]) == (3, 1, 1)
        assert switches.receive(row, scratch, ofp.OFPT_PACKET_OUT) == -1
        theirs.close()
        switches.receive(row, scratch, ofp.OFPT_PACKET_OUT)
        assert row[switches.CLOSED] == 1


def packet_out(size: int) -> bytes:
    return bytes(parser.OFPPacketOut(PROTOCOL, data=bytes(size)).serialize())


def flow_mod() -> bytes:
    return bytes(parser.OFPFlowMod(PROTOCOL).serialize())


def error() -> bytes:
    return bytes(parser.OFPErrorMsg(PROTOCOL, 1, 1, b"").serialize())


def test_emulated_hosts_send_tcp_to_each_other() -> None:
    frame = Ether(packet_in(0, 3, 4, False)[-74:])
    assert (frame.src, frame.dst) == ("02:00:00:00:00:04", "02:00:00:00:00:05")
    assert frame[TCP].flags == "S"
