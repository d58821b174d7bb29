"""Frames put into packet rows, and read back."""

from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.packet import ADDR, LENGTH, PACKET_WORDS
from triplane.dataplane.kernels.pool import Bytes, Pool, Words, take_one


def place(pool: Pool, frame: bytes) -> Words:
    """A row for `frame`, which takes a slot of the pool."""
    row = np.zeros(PACKET_WORDS, np.int64)
    row[ADDR] = take_one(pool.pool, len(frame))
    row[LENGTH] = len(frame)
    pool.mem[row[ADDR] : row[ADDR] + len(frame)] = np.frombuffer(frame, np.uint8)
    return row


def alone(frame: bytes) -> tuple[Bytes, Words]:
    """A memory that ends where the frame does, so that reading on is out of bounds, and its row."""
    mem = np.concatenate([np.full(64, 0xA5, np.uint8), np.frombuffer(frame, np.uint8)])
    row = np.zeros(PACKET_WORDS, np.int64)
    row[ADDR], row[LENGTH] = 64, len(frame)
    return mem, row


def contents(mem: Bytes, row: Words) -> bytes:
    return mem[row[ADDR] : row[ADDR] + row[LENGTH]].tobytes()


def empty_key() -> Words:
    return np.full(KEY_WORDS, 77, np.int64)
