"""Fuzz the wire decoders from inside a kernel: millions of mutated flow-mods a minute.

    python -m tests.fuzz.fuzz_wire 10000000 [seed]

Each round takes a right message, changes some bytes (or cuts it, or makes noise of it), and decodes it twice, with
different bytes behind its end and in the program's arena. It must not crash, must answer a known error word or 0, must
answer both times the same, and must not write outside its part of the arena. NUMBA_BOUNDSCHECK=1 adds that no
index is out of bounds. Prints the count, and ends 1 with the input in hexadecimal when one fails.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from tests.fuzz.wire_seeds import seeds
from triplane.dataplane.kernels import (
    action_arguments,
    action_table,
    actions,
    bucket_actions,
    errors,
    flow_wire,
    instructions,
    nicira_actions,
    nicira_learn,
    nicira_multipath,
    nicira_parts,
    nicira_subfields,
    oxm,
)
from triplane.dataplane.kernels.actions import decode_actions
from triplane.dataplane.kernels.bucket_actions import decode_bucket_actions
from triplane.dataplane.kernels.bytes import be8
from triplane.dataplane.kernels.compiler import kernel
from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.flow_wire import FM_CODE_LEN, FM_INSTR_AT, FM_WORDS, decode_flow_mod
from triplane.dataplane.kernels.ids import id_insert, make_index
from triplane.dataplane.kernels.limits import make_limits
from triplane.dataplane.kernels.oxm import MAX_TLVS, encode_match
from triplane.dataplane.kernels.pool import Bytes, Words

OPENFLOW = (action_arguments, action_table, actions, bucket_actions, instructions, flow_wire, oxm)
NICIRA = (nicira_actions, nicira_learn, nicira_multipath, nicira_parts, nicira_subfields)
NAMES = {name for name in vars(errors) if name.isupper() and any(name in vars(used) for used in OPENFLOW + NICIRA)}
KNOWN = sorted({0} | {getattr(errors, name) for name in NAMES})
SIZE = 512  # of the buffer; messages are shorter
ARENA = 256  # words: a guard of GUARD on each side of the program's part
GUARD = 8
MARK = 0x5A5A
BATCH = 100_000
LOW_57 = (1 << 57) - 1

# results of `fuzz`
DONE, UNKNOWN_ERROR, DIFFERS, OUTSIDE = 0, 1, 2, 3


@kernel
def step(state: Words) -> int:
    """The next pseudo-random number, 31 bits (Marsaglia's xorshift64, triple 13 7 17)."""
    x = state[0]
    x ^= x << 13
    x ^= x >> 7 & LOW_57
    x ^= x << 17
    state[0] = x
    return x >> 33 & 0x7FFFFFFF


@kernel
def below(state: Words, limit: int) -> int:
    return step(state) % limit


@kernel
def spoil(wire: Bytes, length: int, state: Words) -> int:
    """Change a few bytes, mostly to small or telling values; the new length."""
    kind = below(state, 16)
    for _ in range(below(state, 4) + 1):
        at = 8 + below(state, length - 8)
        wire[at] = below(state, 256) if kind & 1 else wire[at] ^ 1 << below(state, 8)
    if kind & 7 == 3:  # fields of all ones: experimenters, OFPP_ANY ...
        at = below(state, length // 4) * 4
        wire[at], wire[at + 1] = 255, 255
        if kind == 3 and at > 0:
            wire[at + 2], wire[at + 3] = 255, 255
    wire[7] = below(state, 256)
    if kind == 2:
        return below(state, length + 1)
    if kind == 4:
        for i in range(48, length):
            wire[i] = below(state, 256)
    if kind != 6:  # the header's length stays right, or nothing behind it is ever looked at
        wire[2], wire[3] = length >> 8, length & 0xFF
    return length


@kernel
def copy_tail(wire: Bytes, source: Bytes, length: int, filler: int) -> None:
    """source[:length] into the wire, and a filler behind it."""
    for i in range(SIZE):
        wire[i] = source[i] if i < length else filler


@kernel
def known_word(word: int, known: Words) -> bool:
    """Whether known[0] has the word; counts it in known[1]."""
    for i in range(known.shape[1]):
        if known[0, i] == word:
            known[1, i] += 1
            return True
    return False


@kernel
def intact(code: Words) -> bool:
    whole = True
    for i in range(GUARD):
        whole = whole and code[i] == MARK and code[ARENA - 1 - i] == MARK
    return whole


@kernel
def digest(code: Words, key: Words, mask: Words, words: int) -> int:
    """A number that differs when a result differs."""
    total = words
    for i in range(KEY_WORDS):
        total = total * 31 + (key[i] & 0xFFFFFF) + (key[i] >> 40) + (mask[i] & 0xFFFFFF) & 0xFFFFFFFFFFFF
    for i in range(words):
        total = total * 31 + (code[GUARD + i] & 0xFFFFFF) & 0xFFFFFFFFFFFF
    return total


@kernel
def decode_all(
    wire: Bytes, length: int, limits: Words, ids: Words, header: Words, keys: Words, code: Words, known: Words
) -> int:
    """Everything the module decodes, on one message; a digest of the answers, or -1 for an unknown error word."""
    key, mask = keys[0], keys[1]
    last = GUARD + min(be8(wire, 7) - 1, ARENA - 2 * GUARD) if 0 < wire[7] < 64 else ARENA - GUARD
    header[FM_CODE_LEN] = 0
    error = decode_flow_mod(wire, 0, length, limits, ids, ids, header, key, mask, code, GUARD, last)
    if not known_word(error, known):
        return -1
    total = error if error else digest(code, key, mask, header[FM_CODE_LEN])
    at = min(header[FM_INSTR_AT] + 8, length) if error == 0 else min(56, length)
    words = decode_actions(wire, at, length, limits, ids, key, mask, code, GUARD, last)
    bucket = decode_bucket_actions(wire, at, length, limits, ids, code, GUARD, last)
    if not known_word(-min(words, 0), known) or not known_word(-min(bucket, 0), known):
        return -1
    return total * 31 + words * 7 + bucket & 0xFFFFFFFFFFFFFF


@kernel
def fuzz(
    seeds: Bytes,
    lengths: Words,
    rounds: int,
    state: Words,
    source: Bytes,
    wire: Bytes,
    limits: Words,
    ids: Words,
    header: Words,
    keys: Words,
    code: Words,
    known: Words,
) -> int:
    """`rounds` inputs; DONE, or why the last one (left in `source`, its length in state[1]) failed."""
    for _ in range(rounds):
        chosen = below(state, len(lengths))
        copy_tail(source, seeds[chosen], lengths[chosen], 0)
        state[1] = spoil(source, lengths[chosen], state)
        copy_tail(wire, source, state[1], 0xFF)
        first = decode_all(wire, state[1], limits, ids, header, keys, code, known)
        copy_tail(wire, source, state[1], 0x08)
        second = decode_all(wire, state[1], limits, ids, header, keys, code, known)
        state[2] += 1 if header[FM_CODE_LEN] > 0 else 0
        if first < 0:
            return UNKNOWN_ERROR
        if first != second:
            return DIFFERS
        if not intact(code):
            return OUTSIDE
    return DONE


class Fuzzer:
    """The arrays that `fuzz` works on."""

    def __init__(self, seed: int = 1) -> None:
        messages = seeds()
        self.seeds = np.zeros((len(messages), SIZE), np.uint8)
        for row, message in zip(self.seeds, messages, strict=True):
            row[: len(message)] = np.frombuffer(message, np.uint8)
        self.lengths = np.array([len(message) for message in messages], np.int64)
        self.state = np.array([seed, 0, 0], np.int64)
        self.source, self.wire = np.zeros(SIZE, np.uint8), np.zeros(SIZE, np.uint8)
        self.limits, self.ids, self.header = make_limits(), make_index(8), np.zeros(FM_WORDS, np.int64)
        self.keys, self.code = np.zeros((2, KEY_WORDS), np.int64), np.full(ARENA, MARK, np.int64)
        self.known = np.array([KNOWN, [0] * len(KNOWN)], np.int64)
        for number in (1, 2, 3):
            id_insert(self.ids, number, number)

    def run(self, rounds: int) -> int:
        arrays = (self.source, self.wire, self.limits, self.ids, self.header, self.keys, self.code, self.known)
        return int(fuzz(self.seeds, self.lengths, rounds, self.state, *arrays))

    @property
    def accepted(self) -> int:
        """How many inputs became programs: a fuzzer whose inputs are all refused early tests little."""
        return int(self.state[2])

    @property
    def unseen(self) -> set[int]:
        """Error words that no input has led to."""
        return {int(word) for word, count in self.known.T if count == 0}

    @property
    def input(self) -> bytes:
        return bytes(self.source[: self.state[1]])


def round_trips(fuzzer: Fuzzer) -> bool:
    """Whether the match left in the fuzzer's key is written within MAX_TLVS bytes."""
    wire = np.zeros(MAX_TLVS, np.uint8)
    return bool(encode_match(fuzzer.keys[0], fuzzer.keys[1], wire, 0) <= MAX_TLVS)


def main(arguments: list[str]) -> int:
    wanted = int(arguments[0]) if arguments else 1_000_000
    fuzzer, done, began = Fuzzer(int(arguments[1]) if len(arguments) > 1 else 1), 0, time.monotonic()
    while done < wanted:
        count = min(BATCH, wanted - done)
        failure = fuzzer.run(count)
        if failure or not round_trips(fuzzer):
            reason = {UNKNOWN_ERROR: "unknown error word", DIFFERS: "reads past the end", OUTSIDE: "writes outside"}
            print(f"{reason.get(failure, 'match does not encode')}: {fuzzer.input.hex()}")
            return 1
        done += count
    answers = f"{fuzzer.accepted} right, {len(KNOWN) - len(fuzzer.unseen)} of {len(KNOWN)} error words seen"
    print(f"{done} inputs, {answers}, no failure, {time.monotonic() - began:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
