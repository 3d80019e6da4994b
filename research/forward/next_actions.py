"""What a strategy does on the next bar, in words."""

from collections.abc import Mapping

ACTIONS: Mapping[tuple[int, int], str] = {
    (0, 1): "buy",
    (1, 0): "sell",
    (0, -1): "sell short",
    (-1, 0): "cover",
    (1, -1): "sell and sell short",
    (-1, 1): "cover and buy",
    (1, 1): "hold",
    (-1, -1): "hold",
    (0, 0): "stay out",
}
"""By the side that is held and the one that comes next: 1 long, -1 short, 0 none."""
