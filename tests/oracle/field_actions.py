"""Actions that read and write any bits of fields: OpenFlow 1.5's and Nicira's."""

from __future__ import annotations

from typing import Any

from tests.oracle import subfields


class Exit(Exception):
    """Nicira's exit: nothing more is done of this list and of those that called it."""


class FieldActions:
    """`packet` has `values`, its stack, and what `subfields` asks for."""

    def set_masked(self, packet: Any, name: str, value: int, mask: int) -> None:
        subfields.write_masked(packet, name, value, mask)

    def load(self, packet: Any, name: str, offset: int, bits: int, value: int) -> None:
        subfields.write(packet, name, offset, bits, value)

    def move(self, packet: Any, source: str, source_at: int, target: str, target_at: int, bits: int) -> None:
        value = subfields.read(packet, source, source_at, bits)
        if value is not None:
            subfields.write(packet, target, target_at, bits, value)

    copy_field = move

    def push(self, packet: Any, name: str, offset: int, bits: int) -> None:
        packet.values.append(subfields.read(packet, name, offset, bits) or 0)

    def pop(self, packet: Any, name: str, offset: int, bits: int) -> None:
        if packet.values:
            subfields.write(packet, name, offset, bits, packet.values.pop())

    def exit(self, packet: Any) -> None:
        raise Exit

    def note(self, packet: Any) -> None:
        """Nothing."""
