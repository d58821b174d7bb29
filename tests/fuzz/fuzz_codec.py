"""Fuzz the codec's `parse` with damaged messages: only OpenFlowError may come out of it.

    python -m tests.fuzz.fuzz_codec 10000000 [seed [version: 1, 4, 5 or 6]]

Each round takes a right message, changes some bytes, cuts or lengthens it, and reads it; every tenth that is
read is printed, made JSON and serialised too. Prints the count; an input that raises something else is
shown in hexadecimal.
"""

from __future__ import annotations

import random
import struct
import sys
import time
from importlib.resources import files
from pathlib import Path

from tests.dataplane.openflow.messages_v1_0 import all_messages
from tests.fuzz import nicira_seeds
from triplane.dataplane.openflow import codec
from triplane.dataplane.openflow.errors import OpenFlowError

BATCH = 100_000
# values that lengths, types and numbers break at
EDGES = (0, 1, 3, 4, 7, 8, 9, 15, 16, 24, 0x7F, 0x80, 0xFE, 0xFF)
WORDS = (0, 4, 7, 8, 12, 16, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)


FOLDERS = {1: "of10", 3: "of12", 4: "of13", 5: "of14", 6: "of15"}  # by version


def seeds(version: int) -> list[bytes]:
    """The messages that os-ken ships as test data, of all types and both directions; of 1.0 they are but a few."""
    folder = Path(str(files("os_ken.tests") / "packet_data" / FOLDERS[version]))
    shipped = [path.read_bytes() for path in sorted(folder.glob("*.packet")) if path.stat().st_size < 2048]
    if version == 1:
        return shipped + all_messages() + nicira_seeds.requests() + nicira_seeds.replies()
    return shipped + (nicira_seeds.packet_ins(version) if version > 3 else [])


class Fuzzer:
    """`run(rounds)`; `accepted` counts what was read, `errors` what was refused, by type and code."""

    def __init__(self, seed: int, version: int = 4) -> None:
        self.random = random.Random(seed)
        self.version = version
        self.seeds = seeds(version)
        self.accepted = 0
        self.errors: dict[tuple[int, int], int] = {}
        self.input = b""

    def run(self, rounds: int) -> None:
        for _ in range(rounds):
            self.input = self.damaged(bytearray(self.random.choice(self.seeds)))
            self.attempt(self.input)

    def attempt(self, data: bytes) -> None:
        try:
            message = codec.parse(self.version, data)
            self.accepted += 1
            if self.accepted % 10 == 0:
                str(message)
                message.to_jsondict()
        except OpenFlowError as error:
            key = error.type, error.code
            self.errors[key] = self.errors.get(key, 0) + 1

    def damaged(self, data: bytearray) -> bytes:
        dice = self.random
        if dice.random() < 0.2:
            del data[dice.randrange(8, len(data) + 1) :]
        elif dice.random() < 0.1:
            data += dice.randbytes(dice.randrange(1, 24))
        for _ in range(dice.randrange(4)):
            at = dice.randrange(1, len(data))
            if dice.random() < 0.5:
                data[at] = dice.choice(EDGES)
            elif at + 2 <= len(data):
                struct.pack_into("!H", data, at & ~1, dice.choice(WORDS))
        if dice.random() < 0.95:
            data[0] = self.version
            struct.pack_into("!H", data, 2, len(data))
        return bytes(data)


def main(rounds: int, seed: int, version: int) -> None:
    fuzzer = Fuzzer(seed, version)
    began = time.monotonic()
    done = 0
    try:
        while done < rounds:
            fuzzer.run(min(BATCH, rounds - done))
            done += min(BATCH, rounds - done)
    finally:
        rate = done / (time.monotonic() - began)
        print(f"{done} inputs, {fuzzer.accepted} read, {len(fuzzer.errors)} kinds of errors, {rate:.0f}/s; seed {seed}")
        if done < rounds:
            print(f"failed: {fuzzer.input.hex()}")


if __name__ == "__main__":
    main(int(sys.argv[1]), *(int(text) for text in (sys.argv[2:] + ["1", "4"][len(sys.argv) - 2 :])))
