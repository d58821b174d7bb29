"""Real traffic through each kind of port: what host A sends is what host B gets."""

import hashlib
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tap.rig import (
    HOST_A,
    HOST_B,
    IP6_B,
    IP_B,
    PATIENCE,
    SWITCH,
    Forwarder,
    cable,
    pcap_frames,
    ping,
    raw_socket,
    receive_raw,
    rig,
    transfer,
    wait_for,
)
from triplane.dataplane.kernels import port as columns
from triplane.tap import namespaces as ns
from triplane.tap.kernels import outbox

PAIRINGS = [("packet", "packet"), ("tap", "tap"), ("tap", "packet")]
SOL_UDP, UDP_SEGMENT = 17, 103


@pytest.mark.parametrize(("a", "b"), PAIRINGS)
class TestPairing:
    def test_ping_and_tcp_and_udp(self, a: str, b: str) -> None:
        with rig(a, b) as forwarder:
            ping(IP_B)
            ping(IP6_B)
            data = os.urandom(4 << 20)
            assert hashlib.sha256(transfer(data)).digest() == hashlib.sha256(data).digest()
            assert transfer(data[:1000000], IP6_B, socket.AF_INET6) == data[:1000000]
            assert forwarder.largest > 10000, "TCP came in GSO frames"
            assert forwarder.unfinished > 0, "checksums came partial"
            udp_segments()
            for port in forwarder.ports:
                assert_counters(forwarder, port.slot - 1)

    def test_jumbo(self, a: str, b: str) -> None:
        with rig(a, b, mtu=9000) as forwarder:
            ping(IP_B, "-s", "8900", "-M", "do")
            assert forwarder.largest == 8900 + 8 + 20 + 14
            assert all(port.rows[0][columns.P_MTU] == 9014 for port in forwarder.ports)

    def test_vlan_tags_stay_in_the_bytes(self, a: str, b: str) -> None:
        with rig(a, b), raw_socket(HOST_A, "a") as sender, raw_socket(HOST_B, "b") as receiver:
            for tags in (b"\x81\x00\x60\x05", b"\x88\xa8\x20\x09", b"\x88\xa8\x00\x02\x81\x00\x00\x03"):
                frame = b"\xff" * 6 + b"\x02\0\0\0\0\x07" + tags + b"\x88\xb5" + b"payload of " + tags + bytes(60)
                sender.send(frame)
                assert receive_raw(receiver, b"payload of " + tags) == frame


def udp_segments() -> None:
    """A UDP_SEGMENT send leaves host A as one frame, and arrives as datagrams."""
    receiver = ns.in_namespace(HOST_B, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    sender = ns.in_namespace(HOST_A, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with receiver, sender:
        receiver.bind((IP_B, 5555))
        receiver.settimeout(PATIENCE)
        sender.setsockopt(SOL_UDP, UDP_SEGMENT, 1000)
        data = os.urandom(3500)
        sender.sendto(data, (IP_B, 5555))
        assert [receiver.recv(2000) for _ in range(4)] == [data[i : i + 1000] for i in range(0, 3500, 1000)]


def assert_counters(forwarder: Forwarder, number: int) -> None:
    """What one port received the other one sent."""
    received, sent = forwarder.ports[number].rows[0], forwarder.ports[1 - number].rows[0]
    wait_for(lambda: received[columns.P_RX_PACKETS] == sent[columns.P_TX_PACKETS], "equal counters")
    assert received[columns.P_RX_PACKETS] > 0
    wait_for(lambda: received[columns.P_RX_BYTES] == sent[columns.P_TX_BYTES], "equal bytes")
    assert not received[[columns.P_RX_DROPPED, columns.P_RX_ERRORS, columns.P_RX_TRUNCATED]].any()
    assert not sent[[columns.P_TX_DROPPED, columns.P_TX_ERRORS]].any()


def test_own_frames_do_not_come_back() -> None:
    with rig("packet", "packet") as forwarder, raw_socket(HOST_A, "a") as sender, raw_socket(HOST_B, "b") as receiver:
        frame = bytes.fromhex("020000000002 020000000001 88b5") + b"only once" + bytes(40)
        sender.send(frame)
        receive_raw(receiver, b"only once")
        before = int(forwarder.ports[1].rows[0][columns.P_RX_PACKETS])
        ping(IP_B)
        assert before < forwarder.ports[1].rows[0][columns.P_RX_PACKETS] < before + 40


@pytest.mark.parametrize("kind", ["packet", "tap"])
def test_two_queues(kind: str) -> None:
    with rig(kind, kind, queues=2) as forwarder:
        assert len(forwarder.ports[0].rows) == 2
        data = os.urandom(1 << 20)
        assert transfer(data) == data
        with ns.in_namespace(HOST_A, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            for port in range(6000, 6064):
                sender.sendto(b"to many ports, so that the hash spreads them", (IP_B, port))
        rows = forwarder.ports[0].rows
        wait_for(lambda: all(row[columns.P_RX_PACKETS] for row in rows), "traffic on both queues")


def test_ring_overflow_is_counted(tmp_path) -> None:
    """More frames than the ring holds while nobody reads: the rest is counted as dropped."""
    from tests.tap.rig import drain, make_pool
    from triplane.tap.port import PortSpec, open_port

    with ns.namespaces(HOST_A, SWITCH):
        argument = cable("packet", HOST_A, "a", 1500)
        with raw_socket(HOST_A, "a") as sender, raw_socket(SWITCH, "pa") as witness:  # sees them after the port
            port = open_port(PortSpec.parse(argument + ",ring=64"), 1, make_pool(256, 8))
            for number in range(100):
                sender.send(bytes.fromhex("020000000002 020000000001 88b5") + struct.pack("!I", number) + bytes(50))
            receive_raw(witness, b"\x88\xb5" + struct.pack("!I", 99))
            sent = [frame for frame in drain(port) if frame[12:14] == b"\x88\xb5"]
            assert 1 <= len(sent) <= 64
            sender.send(bytes(12) + b"\x88\xb5" + bytes(50))
            wait_for(
                lambda: drain(port) is not None and port.rows[0][columns.P_RX_DROPPED] >= 36, "the others to be counted"
            )
        port.close()


@pytest.mark.parametrize("queues", [1, 2])
def test_packet_port_survives_the_loss_of_its_device(queues: int) -> None:
    with rig("packet", "tap", queues=queues) as forwarder:
        port = forwarder.ports[0]
        ping(IP_B)
        ns.delete_link(HOST_A, "a")
        wait_for(lambda: not port.refresh().up, "link down")
        assert port.rows[0][columns.P_UP] == 0
        with ns.in_namespace(HOST_B, lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as sender:
            sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
            sender.sendto(b"into the void", ("10.77.0.255", 9))
        wait_for(lambda: port.rows[0][columns.P_TX_ERRORS] > 0, "an error counted")
        cable("packet", HOST_A, "a", 1500)
        ns.add_address(HOST_A, "a", "10.77.0.1/24")
        with forwarder.paused():
            port.reopen()
        wait_for(lambda: port.refresh().up, "link up")
        ping(IP_B)


def test_tap_port_survives_the_loss_of_its_device() -> None:
    with rig("packet", "tap") as forwarder:
        port = forwarder.ports[1]
        ping(IP_B)
        ns.delete_link(HOST_B, "b")
        wait_for(lambda: port.rows[0][columns.P_UP] == 0, "the kernel to notice")
        port.reopen()
        ns.add_address(HOST_B, "b", f"{IP_B}/24")
        assert port.rows[0][columns.P_UP] == 1
        ping(IP_B)


def test_port_down_and_up() -> None:
    with rig("packet", "packet") as forwarder:
        forwarder.ports[0].set_up(False)
        assert not forwarder.ports[0].link().up
        forwarder.ports[0].set_up(True)
        wait_for(lambda: forwarder.ports[0].refresh().up, "link up")
        ping(IP_B)


def test_record_sees_both_directions(tmp_path) -> None:
    path = tmp_path / "x.pcap"
    with rig(f"record,of=packet,file={path}", "tap") as forwarder:
        ping(IP_B, "-p", "7e57")
        row = forwarder.ports[0].rows[0]
        assert row[columns.P_RX_PACKETS] > 0
    echoes = [frame for frame in pcap_frames(path) if b"\x7e\x57\x7e\x57" in frame]
    assert sorted(frame[34] for frame in echoes) == [0, 0, 0, 8, 8, 8]


def test_fault_in_a_chain(tmp_path) -> None:
    """A port that duplicates what it sends, recorded: each echo request arrives twice."""
    with rig("packet", f"fault,of=record+tap,file={tmp_path / 'x.pcap'},duplicate=1,direction=tx,delay=1"):
        ping(IP_B, "-p", "7e58")
    requests = [f for f in pcap_frames(tmp_path / "x.pcap") if b"\x7e\x58\x7e\x58" in f and f[34] == 8]
    assert len(requests) == 6
    assert len(set(requests)) == 3


def test_auto_is_packet_where_the_device_exists_and_tap_where_not() -> None:
    from tests.tap.rig import make_pool
    from triplane.tap.port import PortSpec, open_port

    with ns.namespaces(HOST_A, SWITCH):
        cable("packet", HOST_A, "a", 1500)
        for name, kind in (("pa", "packet"), ("new0", "tap")):
            port = open_port(PortSpec.parse(name), 1, make_pool(256, 8), netns=SWITCH)
            assert port.kind == kind
            wait_for(lambda port=port: port.link().up, "the link")
            port.close()


def test_addresses_are_what_the_kernel_says() -> None:
    with rig("packet", "tap,address=02:00:00:00:00:77") as forwarder:
        address = forwarder.ports[1].hw_addr
        assert address == bytes.fromhex("020000000077")
        assert forwarder.ports[0].hw_addr != bytes(6)


@pytest.mark.parametrize(("options", "answered"), [(",exclusive=1", False), (",exclusive=0", True), ("", False)])
def test_the_host_keeps_out_of_it(options: str, answered: bool) -> None:
    """Packets for an address of the switch's own namespace: its stack answers only where it may."""
    with rig("packet" + options, "packet"):
        ns.set_link(SWITCH, "lo", up=True)
        ns.add_address(SWITCH, "lo", "10.99.0.1/32")
        with raw_socket(HOST_A, "a") as sender:
            request = bytes.fromhex("0001080006040001 020000000099 0a4d0063 000000000000 0a630001")
            sender.send(bytes.fromhex("ffffffffffff 020000000099 0806") + request + bytes(18))
            sender.settimeout(PATIENCE if answered else 0.3)
            try:
                reply = receive_raw(sender, bytes.fromhex("0806 0001080006040002"))
            except TimeoutError:
                reply = b""
        assert bool(reply) == answered


@pytest.mark.parametrize("kind", ["packet", "tap"])
def test_reopen_of_a_port_that_is_well_changes_nothing(kind: str) -> None:
    with rig(kind, kind) as forwarder:
        before = [port.rows[0][columns.P_PRIVATE :].tolist() for port in forwarder.ports]
        for port in forwarder.ports:
            port.reopen()
        assert [port.rows[0][columns.P_PRIVATE :].tolist()[16:] for port in forwarder.ports] == [b[16:] for b in before]
        ping(IP_B)


def test_a_packet_port_sends_by_message_where_there_is_no_outbox() -> None:
    with rig("packet,outbox=0", "packet,outbox=0") as forwarder:
        assert all(port.rows[0][outbox.O_FD] == -1 for port in forwarder.ports)
        ping(IP_B)
        data = os.urandom(1 << 20)
        assert transfer(data) == data


def test_an_outbox_takes_the_small_frames() -> None:
    with rig("packet", "packet") as forwarder:
        row = forwarder.ports[1].rows[0]
        assert row[outbox.O_FD] >= 0
        ping(IP_B, "-s", "1400")
        data = os.urandom(1 << 20)
        assert transfer(data) == data
        posted = int(row[outbox.O_NEXT])
        assert 3 <= posted < row[columns.P_TX_PACKETS], "GSO frames went the other way"


def test_without_root_in_a_user_namespace() -> None:
    """tap and packet ports need no rights but those over their own network namespace; ports go without BPF there."""
    script = """
from triplane.tap.namespaces import become_root
become_root()
from tests.tap.rig import IP_B, ping, rig, transfer
with rig("packet", "tap") as forwarder:
    ping(IP_B)
    data = bytes(range(256)) * 4096
    print(transfer(data) == data, forwarder.largest > 10000)
"""
    here = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=here)
    assert done.stdout == "True True\n", done.stderr
