"""What a strategy is compared with: the hedges under which its curves are judged."""

from enum import StrEnum


class Hedge(StrEnum):
    """What is taken out of a curve before it is judged.

    ``share``: one share of the universe, held all the time, see
    `research.residuals.hedge_across_folds`; what is left may come from when a strategy is invested,
    and from what it is invested in.

    ``positions``: the same money in the universe on the same days, see
    `research.residuals.hedge_positions`; what is left comes from single symbols, and shows more
    clearly.
    """

    SHARE = "share"
    POSITIONS = "positions"
