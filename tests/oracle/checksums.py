"""Checksums as their RFCs word them, over Python bytes."""

from __future__ import annotations


def ones_sum(data: bytes) -> int:
    """Sum of the 16-bit words, modulo 0xFFFF (RFC 1071): in 0 .. 0xFFFE."""
    data += b"\0" * (len(data) % 2)
    return sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2)) % 0xFFFF


def internet_check(data: bytes) -> int:
    """The check of data that is not all zeros."""
    return 0xFFFF - (ones_sum(data) or 0xFFFF)


def pseudo_header(source: bytes, target: bytes, proto: int, length: int) -> bytes:
    if len(source) == 4:
        return source + target + bytes([0, proto]) + length.to_bytes(2, "big")
    return source + target + length.to_bytes(4, "big") + bytes([0, 0, 0, proto])


def crc32c(data: bytes) -> int:
    """Bit by bit (RFC 9260 appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def sctp_check(packet: bytes) -> bytes:
    return crc32c(packet[:8] + bytes(4) + packet[12:]).to_bytes(4, "little")
