"""Walk-forward folds: which bars choose the parameters, and which later ones they are traded on."""

from dataclasses import dataclass

from research.errors import InvalidFoldsError


@dataclass(frozen=True)
class Fold:
    """The bars of one fold, both as half-open slices; the test never begins before training ends.

    Bars between the two are purged: what is learned there could reach into the test.
    """

    train: slice
    test: slice


@dataclass(frozen=True)
class WalkForwardFolds:
    """How a window is divided: tests follow one another, each after the bars that it is chosen on.

    The folds are those of skfolio's ``WalkForward(expand_train=anchored, reduce_test=True)``.

    Parameters
    ----------
    train
        Bars of the first training slice; of each one if it rolls.
    test
        Bars of a test slice; the last one may be shorter.
    anchored
        Whether every training slice begins with the first bar; otherwise it rolls along.
    purge
        Bars left out between training and test. Rules need none: they are chosen at a close and
        filled at the next open. What is fitted to labels needs their horizon, and one more.

    Raises
    ------
    InvalidFoldsError
        When a size is not a whole number, or too small.
    """

    train: int = 252
    test: int = 63
    anchored: bool = True
    purge: int = 0

    def __post_init__(self) -> None:
        # Of one bar nothing has a Sharpe ratio.
        for name, least in (("train", 2), ("test", 1), ("purge", 0)):
            require_bars(name, getattr(self, name), least)

    @property
    def name(self) -> str:
        """The folds in words, such as ``anchored 252/63`` or ``rolling 126/21 purge 5``."""
        kind = "anchored" if self.anchored else "rolling"
        purge = f" purge {self.purge}" if self.purge else ""
        return f"{kind} {self.train}/{self.test}{purge}"

    def split(self, bars: int) -> list[Fold]:
        """Return the folds of a window of so many bars; the tests cover its end, each bar once.

        More bars later change no fold but the last one, whose test grows.

        Raises
        ------
        InvalidFoldsError
            When no bar is left for a test.
        """
        first = self.train + self.purge
        if first >= bars:
            purged = f" and {self.purge} purged ones" if self.purge else ""
            raise InvalidFoldsError(
                f"The window has {bars} bars, and walk-forward trains on {self.train}{purged} "
                f"before the first test; allowed: windows of {first + 1} bars or more, or a "
                "shorter training."
            )
        return [
            Fold(
                train=slice(0 if self.anchored else start - first, start - self.purge),
                test=slice(start, min(start + self.test, bars)),
            )
            for start in range(first, bars, self.test)
        ]


def require_bars(name: str, value: int, least: int) -> None:
    """Refuse what is no number of bars.

    Raises
    ------
    InvalidFoldsError
        When it is not a whole number of at least `least`.
    """
    if type(value) is not int or value < least:
        raise InvalidFoldsError(f"{name} is {value!r}; allowed: whole numbers from {least}.")
