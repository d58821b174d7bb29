"""`triplane trace`: asks a running dataplane what it would do with a packet."""

from __future__ import annotations

import argparse
import struct
from pathlib import Path

from triplane.commands import arguments as shared
from triplane.control_client import ask
from triplane.nodes.options import StartError, default_run_dir

DESCRIPTION = """\
Which rules and actions a packet meets, table by table, without sending it.

PACKET is the frame from its destination MAC address on, in hex (blanks and colons do not count), or
@FILE: the first packet of a pcap file, or a file of raw bytes.
"""

EPILOG = """\
examples:
  triplane trace 1 'ffffffffffff 020000000001 0806 0001080006040001 ...'
  triplane trace 1 @ping.pcap
"""

PCAP_HEADER, RECORD_HEADER = 24, 16  # bytes; https://www.tcpdump.org/manpages/pcap-savefile.5.html
PCAP_MAGICS = {0xA1B2C3D4: "<", 0xA1B23C4D: "<", 0xD4C3B2A1: ">", 0x4D3CB2A1: ">"}  # as read little-endian
MAX_FRAME = 65535


def configure(parser: argparse.ArgumentParser) -> None:
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument("port", type=shared.positive, metavar="PORT", help="number of the port it comes in by")
    parser.add_argument("packet", metavar="PACKET", help="hex, or @FILE")
    shared.add_run_dir(parser)


def first_of_pcap(data: bytes, name: str) -> bytes:
    """The first packet of a capture; anything else is taken as a frame itself."""
    order = PCAP_MAGICS.get(int.from_bytes(data[:4], "little"))
    if order is None:
        return data
    if len(data) < PCAP_HEADER + RECORD_HEADER:
        raise StartError(f"{name}: holds no packet")
    captured = struct.unpack_from(f"{order}I", data, PCAP_HEADER + 8)[0]
    return data[PCAP_HEADER + RECORD_HEADER :][:captured]


def frame(text: str) -> bytes:
    """The bytes that PACKET stands for; StartError when it stands for none."""
    if text.startswith("@"):
        found = first_of_pcap(Path(text[1:]).read_bytes(), text[1:])
    else:
        try:
            found = bytes.fromhex(text.replace(":", " "))
        except ValueError:
            raise StartError(f"{text[:40]!r} is neither hex nor @FILE") from None
    if not 14 <= len(found) <= MAX_FRAME:
        raise StartError(f"a frame has from 14 to {MAX_FRAME} bytes, this has {len(found)}")
    return found


def run(arguments: argparse.Namespace) -> int:
    request = {"port": arguments.port, "packet": frame(arguments.packet).hex()}
    for step in ask(arguments.run_dir or default_run_dir(), "trace", request):
        print(step)
    return 0
