"""The criteria of a verdict, as people read them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CriterionResult:
    """What one criterion found of a strategy.

    Parameters
    ----------
    name, question
        What it tests, in a few words and in a sentence.
    statistic
        A Sharpe ratio per year; None where the value says it all, or nothing was to be judged.
    value
        A p-value or a share: the lower, the better.
    limit
        The highest value that passes.
    is_share
        Whether the value is a share, not a p-value.
    """

    name: str
    question: str
    statistic: float | None
    value: float
    limit: float
    is_share: bool

    @property
    def passed(self) -> bool:
        """Whether the criterion lets the strategy through."""
        return self.value <= self.limit


CRITERIA = (
    (
        "Grid", "grid_sharpe_ratio", "grid_p_value",
        ("Sharpe ratio of the mean over its parameter sets; p-value: could luck explain it, given "
        "all strategies that were tried?"),
    ),
    (
        "Best point", "best_sharpe_ratio", "best_p_value",
        ("Sharpe ratio of its best parameter set; p-value: could luck explain it, given all "
        "parameter sets that were tried?"),
    ),
    (
        "Selection", "", "loss_share",
        ("Share of divisions of the window in which the set that was best in one half loses in the "
        "other."),
    ),
    (
        "Walk-forward", "walk_forward_sharpe_ratio", "walk_forward_p_value",
        ("Sharpe ratio out of sample, parameters chosen on the past alone; p-value: could luck "
        "explain it?"),
    ),
)  # fmt: skip
"""Name, columns of statistic and value among those of a verdict, and question of each, in their
order."""

SHARE = "loss_share"
"""The value that is a share; the others are p-values."""


def list_criteria(verdict: Mapping[str, Any]) -> list[CriterionResult]:
    """Return the criteria in their order.

    Parameters
    ----------
    verdict
        By the columns of `research.verdicts.rows.VERDICTS_SCHEMA`.
    """
    limits = json.loads(verdict["limits"])
    return [
        CriterionResult(
            name=name,
            question=question,
            statistic=verdict[statistic] if statistic else None,
            value=verdict[value],
            limit=limits[value],
            is_share=value == SHARE,
        )
        for name, statistic, value, question in CRITERIA
    ]
