"""Single-bit flips, as a failing disk or memory makes them."""

from collections.abc import Iterator

import numpy as np


def flip_bits(content: bytes, count: int, seed: int = 1) -> Iterator[bytes]:
    """Yield copies of a content, each with one bit flipped, at places that the seed decides."""
    places = np.random.default_rng(seed).choice(8 * len(content), count, replace=False)
    for place in places.tolist():
        flipped = bytearray(content)
        flipped[place // 8] ^= 1 << place % 8
        yield bytes(flipped)
