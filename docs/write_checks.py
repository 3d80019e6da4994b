"""Writes docs/checks.md from the checks themselves: `python docs/write_checks.py`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from assets.checks.catalogue import GATES
from assets.checks.threshold_checks import Gate
from resources.config.thresholds import Thresholds

PAGE = Path(__file__).with_name("checks.md")

_HEAD = """\
# The checks

Made from the code by `python docs/write_checks.py`; edit the checks, not this page.

Every materialization is judged: of one symbol or of all, from the UI, a backfill, a schedule or
the command line. A stage measures itself while it works, and its checks are evaluated in a step
of their own between it and what is downstream:

- **Beyond the limit** a check is red with severity ERROR: it is blocking, so what is downstream
  does not run, and the run fails. The partitions that were made stay.
- **Beyond the warning level** it is yellow with severity WARN: the run goes on and succeeds.
- What was not measured does not pass.

The limits are those of the table at the end of this page. Each is a field of the resource
`thresholds`, in run config, or an environment variable; a limit that makes no sense, or a warning
level beyond its limit, is refused before anything runs:

```sh
GAUNTLET_LIMIT_SUCCESS_RATE=0.95 make run
```

```yaml
resources:
  thresholds:
    config:
      success_rate: 0.95
      memory_growth_mb: 1000
      memory_growth_mb_warning: 500
```

A check's metadata has what was measured and the limit, a sample of the offenders, what to do, and
for time and memory a plot over the last runs.
"""

_TITLES = {
    "prices": "Of `prices`",
    "backtests": "Of each `backtests/<strategy>`",
    "backtest_summaries": "Of `backtest_summaries`",
    "backtest_requests": "Of `backtest_requests`\n\n"
    "Judged at the end of each request, of all that ran at the same time. They stop nothing: what\n"
    "one analyst was answered is not worth less for the failures of another.",
}


def page() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_stages(), *_limits()])


def _stages() -> Iterator[str]:
    for stage, gates in GATES.items():
        yield f"## {_TITLES[stage]}\n"
        for gate in gates:
            yield _section(gate)


def _section(gate: Gate) -> str:
    severity = "it only warns" if gate.only_warns else "one is an ERROR"
    limits = [_limit(name) for name in gate.limits] or ["none may break it"]
    if gate.only_warns or not gate.limits:
        limits.append(severity)
    return "\n".join(
        [
            f"### {gate.name}\n",
            f"{gate.description}\n",
            f"- Limit: {'; '.join(limits)}.",
            f"- When it does not pass: {gate.what_to_do}\n",
        ]
    )


def _limit(name: str) -> str:
    fields = Thresholds.model_fields
    limit, warning = fields[name].default, fields.get(f"{name}_warning")
    if warning is None:
        return f"`{name}` {limit:g}, by which a symbol is an offender"
    return f"`{name}` {limit:g}, beyond it ERROR; WARN from {warning.default:g}"


def _limits() -> Iterator[str]:
    yield "## The limits\n"
    yield "| field of `thresholds` | limit | warns from | what it is |"
    yield "|---|---:|---:|---|"
    fields = Thresholds.model_fields
    for name, field in fields.items():
        if name.endswith("_warning"):
            continue
        warning = fields.get(f"{name}_warning")
        level = "" if warning is None else f"{warning.default:g}"
        yield f"| `{name}` | {field.default:g} | {level} | {field.description} |"
    yield ""
    yield (
        "The field of a warning level is called like its limit, with `_warning` behind it; the "
        "environment\nvariable of a field is called `GAUNTLET_LIMIT_` and its name in capitals.\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page())
    sys.stdout.write(f"Written to {PAGE}\n")
