"""What is wrong with a project, next to one that did the same and was left alone."""

from collections.abc import Iterator, Mapping

from tests.chaos.state import State

_IN_PROGRESS = ("STARTING", "STARTED", "CANCELING")


def find_false_results(found: State, undisturbed: State) -> list[str]:
    """Return what looks good after a kill and is not: one sentence for each fault.

    Something may be missing then, and is made by the next run. What is there must be right, and
    what Dagster calls materialized must be there.
    """
    return [
        *_compare("row", _rows(found), _rows(undisturbed)),
        *_compare("equity curve", _curves(found), _curves(undisturbed)),
        *_compare("report", found.reports, undisturbed.reports),
        *_find_unkept_promises(found, undisturbed),
    ]


def find_differences(found: State, undisturbed: State, end: str) -> list[str]:
    """Return in what a project differs whose newest run was not disturbed: a sentence for each.

    `end` is the last day of that run's window.
    """
    run, other = found.newest_run, undisturbed.newest_run
    status = found.statuses.get(run, "MISSING")
    expected = undisturbed.of_runs[other]
    lost = expected - found.of_runs.get(run, frozenset())
    lines = [] if status == "SUCCESS" else [f"the newest run is {status}"]
    lines += [f"row {undisturbed.backtests[one].name} is missing" for one in sorted(lost)]
    lines += [
        f"run {one} is {status} for ever"
        for one, status in found.statuses.items()
        if status in _IN_PROGRESS
    ]
    lines += [f"the newest run has {found.failures[run]} failures"] if run in found.failures else []
    lines += [f"{path} is left over" for path in found.unfinished]
    if found.leaderboards.get(run) != undisturbed.leaderboards[other]:
        lines.append("the leaderboard of the newest run is another one")
    missing = sorted(undisturbed.prices.keys() - found.prices.keys())
    lines += [f"prices {name} are missing" for name in missing]
    lines += [] if any(f"_{end}_" in name for name in found.reports) else ["the report is missing"]
    lines += _compare("prices", found.prices, undisturbed.prices)
    return lines + find_false_results(found, undisturbed)


def _rows(state: State) -> Mapping[str, str]:
    return {f"{one.name} ({key})": one.row for key, one in state.backtests.items()}


def _curves(state: State) -> Mapping[str, str]:
    return {f"{one.name} ({key})": state.curves[key] for key, one in state.backtests.items()}


def _compare(what: str, found: Mapping[str, str], undisturbed: Mapping[str, str]) -> Iterator[str]:
    for name, text in found.items():
        if name not in undisturbed:
            yield f"{what} {name} should not exist"
        elif text != undisturbed[name]:
            yield f"{what} {name} differs: {_first_difference(text, undisturbed[name])}"


def _first_difference(found: str, expected: str) -> str:
    pairs = zip(found, expected, strict=False)
    at = next((place for place, (a, b) in enumerate(pairs) if a != b), 0)
    begin = max(at - 30, 0)
    return f"{found[begin : at + 30]!r} instead of {expected[begin : at + 30]!r}"


def _find_unkept_promises(found: State, undisturbed: State) -> Iterator[str]:
    """Yield what Dagster calls materialized or successful without the rows that belong to it."""
    whole = undisturbed.of_runs[undisturbed.newest_run]
    per_symbol = len(whole) // len(undisturbed.summarized[undisturbed.newest_run])
    for run, symbols in found.summarized.items():
        kept = [found.backtests[one].name.split()[0] for one in found.of_runs.get(run, ())]
        for symbol in sorted(symbols):
            if (count := kept.count(symbol)) != per_symbol:
                yield f"{symbol} is materialized by run {run} with {count} of {per_symbol} rows"
    for run, status in found.statuses.items():
        if status == "SUCCESS" and len(found.of_runs.get(run, ())) != len(whole):
            yield f"run {run} is a success without all of its rows"
