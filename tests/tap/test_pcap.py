"""The pcap port: files in, files out."""

import select
from pathlib import Path

import numpy as np
import pytest
from scapy.layers.l2 import Ether
from scapy.utils import rdpcap, wrpcap

from tests.tap.rig import drain, frame_bytes, is_full, pcap_bytes, pcap_frames, receive, transmit
from triplane.dataplane.kernels import packet
from triplane.dataplane.kernels import port as columns
from triplane.dataplane.kernels.pool import BIG_ROOM, make_pool, take_one
from triplane.tap.port import Port, PortError, PortSpec, open_port

FRAMES = [bytes([n]) * length for n, length in enumerate((60, 14, 1514, 9014, 65549, 1792, 1793, 60), 1)]


def opened(text: str, small: int = 64, big: int = 8) -> Port:
    return open_port(PortSpec.parse(text), 5, make_pool(small, big))


def is_ready(port: Port) -> bool:
    return bool(select.select([int(port.rows[0][columns.P_FD])], [], [], 0)[0])


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("magic", [0xA1B2C3D4, 0xA1B23C4D])
def test_reads_every_form(tmp_path: Path, order: str, magic: int) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap_bytes(FRAMES, order, magic))
    port = opened(f"f:pcap,in={tmp_path / 'in.pcap'}")
    batch = receive(port)
    assert [frame_bytes(port.pool, frame) for frame in batch] == FRAMES
    assert set(batch[:, packet.PORT]) == {5}
    assert not batch[:, [packet.CSUM, packet.GSO_TYPE]].any()
    assert port.rows[0][columns.P_RX_PACKETS] == len(FRAMES)
    assert port.rows[0][columns.P_RX_BYTES] == sum(map(len, FRAMES))
    port.close()


def test_reads_what_scapy_writes_and_writes_what_scapy_reads(tmp_path: Path) -> None:
    wrpcap(str(tmp_path / "in.pcap"), [Ether(frame) for frame in FRAMES[:3]])
    port = opened(f"f:pcap,in={tmp_path / 'in.pcap'},out={tmp_path / 'out.pcap'}")
    batch = receive(port)
    assert transmit(port, batch) == 3
    assert is_full(port.pool)
    assert port.rows[0][columns.P_TX_BYTES] == sum(map(len, FRAMES[:3]))
    port.close()
    assert [bytes(read) for read in rdpcap(str(tmp_path / "out.pcap"))] == FRAMES[:3]


def test_at_the_end_it_is_silent(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap_bytes(FRAMES[:2]))
    port = opened(f"f:pcap,in={tmp_path / 'in.pcap'}")
    assert is_ready(port)
    assert drain(port) == FRAMES[:2]
    assert not is_ready(port)
    assert len(receive(port)) == 0
    port.close()


def test_loop(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap_bytes(FRAMES[:2]))
    port = opened(f"f:pcap,in={tmp_path / 'in.pcap'},loop=3")
    assert drain(port) == FRAMES[:2] * 3
    endless = opened(f"f:pcap,in={tmp_path / 'in.pcap'},loop=0")
    assert len(receive(endless, limit=50)) == 50
    port.close()
    endless.close()


def test_loop_of_an_empty_file_ends(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap_bytes([]))
    port = opened(f"f:pcap,in={tmp_path / 'in.pcap'},loop=0")
    assert drain(port) == []
    port.close()


def test_a_record_that_is_too_long_is_skipped_and_counted(tmp_path: Path) -> None:
    frames = [FRAMES[0], bytes(BIG_ROOM + 1), FRAMES[1]]
    (tmp_path / "in.pcap").write_bytes(pcap_bytes(frames))
    port = opened(f"f:pcap,in={tmp_path / 'in.pcap'}")
    assert drain(port) == [FRAMES[0], FRAMES[1]]
    assert port.rows[0][columns.P_RX_TRUNCATED] == 1
    port.close()


def test_a_file_that_ends_in_a_record_is_counted(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap_bytes(FRAMES[:2])[:-5])
    port = opened(f"f:pcap,in={tmp_path / 'in.pcap'}")
    assert drain(port) == FRAMES[:1]
    assert port.rows[0][columns.P_RX_ERRORS] == 1
    assert is_full(port.pool)
    port.close()


def test_no_frame_free_is_a_drop(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap_bytes([bytes(60)] * 6))
    port = opened(f"f:pcap,in={tmp_path / 'in.pcap'}", small=4)
    assert len(receive(port)) == 4
    assert port.rows[0][columns.P_RX_DROPPED] == 1
    port.close()


def test_without_out_all_is_dropped(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap_bytes(FRAMES))
    port = opened(f"f:pcap,in={tmp_path / 'in.pcap'}")
    assert transmit(port, receive(port)) == 0
    assert port.rows[0][columns.P_TX_DROPPED] == len(FRAMES)
    assert is_full(port.pool)
    port.close()


def test_output_grows_with_each_burst(tmp_path: Path) -> None:
    port = opened(f"f:pcap,out={tmp_path / 'out.pcap'}")
    frames = np.zeros((1, packet.FRAME_WORDS), np.int64)
    for number in range(3):
        address = take_one(port.pool.pool, 60)
        port.pool.mem[address : address + 60] = number
        frames[0, packet.ADDR], frames[0, packet.LENGTH] = address, 60
        assert transmit(port, frames) == 1
        assert pcap_frames(tmp_path / "out.pcap") == [bytes([n]) * 60 for n in range(number + 1)]
    port.close()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a pcap file"),
        (b"\n\r\r\n" + bytes(40), "pcapng"),
        (bytes(24), "not a pcap file"),
        (pcap_bytes([])[:20] + b"\x71\0\0\0", "link type 113"),
    ],
)
def test_refuses_other_files(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(PortError, match=message):
        opened(f"f:pcap,in={tmp_path / 'x'}")


def test_says_which_file_is_missing() -> None:
    with pytest.raises(PortError, match=r"port f: .*No such file or directory.*errno 2"):
        opened("f:pcap,in=/nonexistent/file")
    with pytest.raises(PortError, match="needs in=FILE, out=FILE or both"):
        opened("f:pcap")
