from __future__ import annotations

import numpy as np

from triplane.dataplane.kernels.publish import observe, publish


def test_what_is_published_is_observed() -> None:
    words = np.zeros(3, np.int64)
    publish(words, 1, -5)
    assert list(words) == [0, -5, 0]
    assert observe(words, 1) == -5
