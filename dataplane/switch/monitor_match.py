"""Which flow entries a flow monitor means: those whose match is its own or narrower.

Matches are compared as the data plane reads them, so that a field counts as itself in whichever of its forms it was
told (NXM_OF_ETH_TYPE, OXM_OF_ETH_TYPE, a register as a half of a wider one).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from triplane.dataplane.kernels.fields import KEY_WORDS
from triplane.dataplane.kernels.oxm import decode_match_struct
from triplane.dataplane.openflow.errors import OpenFlowError


class Fields(NamedTuple):
    """Words of the flow key; bits outside the mask are 0."""

    key: tuple[int, ...]
    mask: tuple[int, ...]


def fields_of(match: bytes) -> Fields:
    """Of an ofp_match. Raises OpenFlowError if it is none."""
    wire = np.frombuffer(bytearray(match), np.uint8)
    key, mask = np.zeros(KEY_WORDS, np.int64), np.zeros(KEY_WORDS, np.int64)
    error = int(decode_match_struct(wire, 0, len(wire), key, mask))
    if error:
        raise OpenFlowError(error >> 16, error & 0xFFFF)
    return Fields(tuple(key.tolist()), tuple(mask.tolist()))


def covers(wide: Fields, narrow: Fields) -> bool:
    """Does each packet of the narrow match have what the wide one asks for?"""
    words = zip(wide.key, wide.mask, narrow.key, narrow.mask, strict=True)
    return all(not mask & ~other_mask and other & mask == key for key, mask, other, other_mask in words)
