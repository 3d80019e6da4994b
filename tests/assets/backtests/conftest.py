"""Fixtures for the tests of backtests."""

import pytest

from tests.assets.backtests.ran import RANGE, Ran, run_backtests
from tests.project import Project


@pytest.fixture
def cold(project: Project) -> Ran:
    """Lend the first run of some backtests, of which no result was stored before."""
    assert project.run(RANGE, selection=["prices"]).success
    ran = run_backtests(project)
    assert (ran.cached, ran.computed) == ({}, {"macd": 3, "rsi": 3})
    return ran
