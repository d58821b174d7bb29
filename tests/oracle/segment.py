"""GSO in plain Python: the packets that a long frame stands for, each with its checksums summed anew."""

from __future__ import annotations

import struct

from tests.oracle.checksums import internet_check, pseudo_header
from tests.oracle.parse import Parsed, parse


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)] or [b""]


def tcp_segments(frame: bytes, size: int, at: Parsed | None = None) -> list[bytes]:
    """`at`: where the headers are, when something hides them from `parse`."""
    at = at or parse(frame)
    l4, end = at.at["l4"], at.at["end"]
    header = l4 + (frame[l4 + 12] >> 4) * 4
    parts = pieces(frame[header:end], size)
    made = []
    for i, part in enumerate(parts):
        flags = frame[l4 + 13]
        if i > 0:
            flags &= ~0x80  # CWR
        if i < len(parts) - 1:
            flags &= ~0x09  # FIN, PSH
        seq = (int.from_bytes(frame[l4 + 4 : l4 + 8], "big") + i * size) % 2**32
        head = frame[l4 : l4 + 4] + struct.pack("!I", seq) + frame[l4 + 8 : l4 + 13] + bytes([flags])
        tail = frame[l4 + 14 : l4 + 16] + b"\0\0" + frame[l4 + 18 : header]
        made.append(ip(frame, at, head + tail + part, i, 16, 6))
    return made


def udp_segments(frame: bytes, size: int, at: Parsed | None = None) -> list[bytes]:
    at = at or parse(frame)
    l4 = at.at["l4"]
    made = []
    for i, part in enumerate(pieces(frame[l4 + 8 : at.at["end"]], size)):
        message = frame[l4 : l4 + 4] + struct.pack("!HH", 8 + len(part), 0) + part
        made.append(ip(frame, at, message, i, 6, 17))
    return made


def udp_fragments(frame: bytes, size: int) -> list[bytes]:
    """UFO: the datagram, its check completed, as IPv4 fragments."""
    at = parse(frame)
    l3, start, end = at.at["l3"], at.at["payload"], at.at["end"]
    message = frame[start : start + 6] + b"\0\0" + frame[start + 8 : end]
    check = internet_check(
        pseudo_header(frame[l3 + 12 : l3 + 16], frame[l3 + 16 : l3 + 20], 17, len(message)) + message
    )
    message = message[:6] + struct.pack("!H", check or 0xFFFF) + message[8:]
    size -= size % 8
    parts = pieces(message, size)
    made = []
    for i, part in enumerate(parts):
        more = 0x2000 if i < len(parts) - 1 else 0
        header = bytearray(frame[l3:start])
        header[2:4] = struct.pack("!H", len(header) + len(part))
        header[6:8] = struct.pack("!H", more | i * size // 8)
        made.append(frame[:l3] + with_check(header) + part)
    return made


def with_check(header: bytearray) -> bytes:
    header[10:12] = b"\0\0"
    header[10:12] = struct.pack("!H", internet_check(bytes(header)))
    return bytes(header)


def ip(frame: bytes, at: Parsed, message: bytes, index: int, check_at: int, proto: int) -> bytes:
    """The frame's headers up to layer 4, adapted to `message`, whose check field is zero."""
    l3, l4 = at.at["l3"], at.at["l4"]
    header = bytearray(frame[l3:l4])
    if header[0] >> 4 == 4:
        header[2:4] = struct.pack("!H", len(header) + len(message))
        header[4:6] = struct.pack("!H", (int.from_bytes(header[4:6], "big") + index) % 65536)
        pseudo = pseudo_header(bytes(header[12:16]), bytes(header[16:20]), proto, len(message))
        header[:] = with_check(header)
    else:
        header[4:6] = struct.pack("!H", len(header) - 40 + len(message))
        pseudo = pseudo_header(bytes(header[8:24]), bytes(header[24:40]), proto, len(message))
    check = internet_check(pseudo + message)
    if proto == 17:
        check = check or 0xFFFF
    return frame[:l3] + bytes(header) + message[:check_at] + struct.pack("!H", check) + message[check_at + 2 :]
