"""Average the curve of a walk-forward over its tested bars, as its verdict does.

Zeros before the first test were counted as bars without a return.
"""

from collections.abc import Callable

import numpy as np
import sqlalchemy as sa
from alembic import op
from numpy.typing import NDArray

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

Curve = NDArray[np.float64]

_ROUNDING = 1e-15

_READ = """
SELECT id, residual, residual_return, residual_sharpe_ratio
FROM trial_records
WHERE protocol <> 'backtest'
"""
_WRITE = """
UPDATE trial_records
SET residual_return = :mean, residual_sharpe_ratio = :sharpe
WHERE id = :id
"""


def upgrade() -> None:
    """Leave out the bars before the first test."""
    _average_again(_whole, _tested)


def downgrade() -> None:
    """Count them."""
    _average_again(_tested, _whole)


def _whole(curve: Curve) -> Curve:
    return curve


def _tested(curve: Curve) -> Curve:
    return curve[np.argmax(curve != 0.0) :]


def _average_again(before: Callable[[Curve], Curve], after: Callable[[Curve], Curve]) -> None:
    """Bring both numbers of each walk-forward from some of its bars to others.

    Their annualization is in the stored numbers, and stays.
    """
    connection = op.get_bind()
    op.execute("ALTER TABLE trial_records DISABLE TRIGGER append_only")
    for row in connection.execute(sa.text(_READ)).all():
        curve = np.frombuffer(row.residual, "<f4").astype(np.float64)
        old, new = before(curve), after(curve)
        if row.residual_sharpe_ratio is not None and len(new) > 1:
            # Both have the same sum.
            mean = row.residual_return * len(old) / len(new)
            deviations = float(old.std(ddof=1)), float(new.std(ddof=1))
            ratio = row.residual_sharpe_ratio * len(old) * deviations[0] / len(new)
            sharpe = ratio / deviations[1] if deviations[1] > _ROUNDING else None
            connection.execute(sa.text(_WRITE), {"id": row.id, "mean": mean, "sharpe": sharpe})
    op.execute("ALTER TABLE trial_records ENABLE TRIGGER append_only")
