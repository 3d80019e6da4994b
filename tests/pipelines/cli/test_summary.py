"""What the main job prints at its end of the checks that did not pass."""

import io
from typing import Any

import dagster as dg
from rich.console import Console

from pipelines.cli.summary import print_checks


def _evaluation(asset: str, name: str, error: bool, **metadata: Any) -> dg.AssetCheckEvaluation:
    severity = dg.AssetCheckSeverity.ERROR if error else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckEvaluation(
        asset_key=dg.AssetKey(asset.split("/")),
        check_name=name,
        passed=False,
        metadata={key: dg.MetadataValue.md(text) for key, text in metadata.items()},
        severity=severity,
        description=f"{name} is off.",
    )


def _printed(*evaluations: dg.AssetCheckEvaluation) -> str:
    file = io.StringIO()
    print_checks(Console(file=file, width=200), evaluations)
    return file.getvalue()


def test_offenders_and_guidance_of_a_check_are_printed():
    one = _evaluation(
        "prices", "volume", False, offenders="- `A` 3 days\n- `B` 4", guidance="Look."
    )
    assert _printed(one) == (
        "\nCheck volume of prices warns: volume is off.\n"
        "  - `A` 3 days\n  - `B` 4\n  What to do: Look.\n"
    )


def test_equal_findings_of_several_assets_are_printed_once():
    several = [_evaluation(f"backtests/{name}", "rate", True) for name in ("rsi", "macd", "ema")]
    assert _printed(*several) == (
        "\nCheck rate of backtests/rsi and 2 more assets failed: rate is off.\n"
    )


def test_failed_symbols_are_left_to_their_own_list():
    one = _evaluation("prices", "rate", True, offenders="- `A` (prices) Error: no", failures="1")
    assert "`A`" not in _printed(one)


def test_nothing_is_printed_when_all_checks_passed():
    assert _printed() == ""
