"""Writes docs/checks.md from the checks themselves: `python docs/write_checks.py`."""

import sys
from collections.abc import Iterator
from pathlib import Path

from assets.checks.catalogue import THRESHOLD_CHECKS
from assets.checks.threshold_checks import ThresholdCheck
from resources.config.thresholds import Thresholds

PAGE = Path(__file__).with_name("checks.md")

_HEAD = """\
# The checks

Generated from the code by `python docs/write_checks.py`; edit the checks, not this page.

Every materialization is checked: of one symbol or of all, from the UI, a backfill, a schedule or
the command line. A stage measures itself while it works, and its checks are evaluated in a step
of their own between it and what is downstream:

- **Beyond the limit** a check fails with severity ERROR: it is blocking, so what is downstream
  does not run, and the run fails. The partitions that were made stay.
- **Beyond the warning level** it fails with severity WARN: the run goes on and succeeds.
- A check of something that was not measured fails.

The table at the end of this page has all limits. Each is a field of the resource `thresholds`, in
run config, or an environment variable. An invalid limit, or a warning level beyond its limit, is
refused before anything runs:

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

A check's metadata has what was measured and the limit, a sample of the offenders, guidance when it
fails, and for time and memory a plot of the last runs.
"""

_TITLES = {
    "prices": "Checks of `prices`",
    "backtests": "Checks of each `backtests/<strategy>`",
    "backtest_summaries": "Checks of `backtest_summaries`",
    "leaderboard": "Checks of `leaderboard`",
    "forward_record": "Checks of `forward_record`",
    "portfolios": "Checks of each `portfolios/<name>`",
    "backtest_requests": "Checks of `backtest_requests`\n\n"
    "Evaluated at the end of each request, over all requests running at the same time. They stop\n"
    "nothing: the failure of one request does not invalidate the results of another.",
}


def render_page() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *_render_stages(), *_render_limits()])


def _render_stages() -> Iterator[str]:
    for stage, checks in THRESHOLD_CHECKS.items():
        yield f"## {_TITLES[stage]}\n"
        for check in checks:
            yield _render_check(check)


def _render_check(check: ThresholdCheck) -> str:
    limits = [_render_limit(name, check.only_warns) for name in check.limits] or ["no offender"]
    if check.only_warns or not check.limits:
        limits.append("only warns" if check.only_warns else "one is an ERROR")
    return "\n".join(
        [
            f"### {check.name}\n",
            f"{check.description}\n",
            f"- Limit: {'; '.join(limits)}.",
            f"- If it fails: {check.guidance}\n",
        ]
    )


def _render_limit(name: str, only_warns: bool) -> str:
    fields = Thresholds.model_fields
    limit, warning = fields[name].default, fields.get(f"{name}_warning")
    if isinstance(limit, str):
        return f"`{name}` {limit}"
    if warning is None:
        return f"`{name}` {limit:g}, which makes a symbol an offender"
    beyond = "" if only_warns else ", beyond it ERROR"
    return f"`{name}` {limit:g}{beyond}; WARN from {warning.default:g}"


def _render_limits() -> Iterator[str]:
    yield "## The limits\n"
    yield "| field of `thresholds` | limit | warns from | meaning |"
    yield "|---|---:|---:|---|"
    fields = Thresholds.model_fields
    for name, field in fields.items():
        if name.endswith("_warning"):
            continue
        warning = fields.get(f"{name}_warning")
        level = "" if warning is None else f"{warning.default:g}"
        limit = field.default if isinstance(field.default, str) else f"{field.default:g}"
        yield f"| `{name}` | {limit} | {level} | {field.description} |"
    yield ""
    yield (
        "The field of a warning level is the name of its limit followed by `_warning`. The "
        "environment\nvariable of a field is `GAUNTLET_LIMIT_` followed by its name in capitals.\n"
    )


if __name__ == "__main__":
    PAGE.write_text(render_page())
    sys.stdout.write(f"Written to {PAGE}\n")
