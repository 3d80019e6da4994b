"""Code, documentation and tests use the terms of CONTRIBUTING.md: plain technical English."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = (
    *["strategies", "engine", "research", "resources", "reports", "assets", "pipelines"],
    *["migrations", "benchmarks", "docs", "deploy", "tests"],
)
PAGES = "README.md CONTRIBUTING.md CHANGELOG.md Makefile dagster.yaml pyproject.toml"
SUFFIXES = {".py", ".md", ".yaml"}
LONGEST_NAME = 60
"""The most characters of a test's name: condition and result, not a sentence of several parts."""

INSTEAD = {
    r"anew": "again",
    r"at hand": "available",
    r"mend(s|ed|ing)?": "fix",
    r"heed(s|ed)?": "respect",
    r"rooms|(the|every|each) room|the house": "packages, the project",
    r"reasons? that pass(es)?|what passes": "transient error",
    r"far away": "remote",
    r"(on|in|of|from) the page": "the Dagster UI",
    r"terms": "settings",
    r"(took|taken|take) (the|their) place": "superseded",
    r"lets? go": "release",
    r"rivals?": "baseline",
    r"gates?": "check",
    r"(requests?|provider's|shared) budgets?": "rate limit",
    r"(one|files?|rows?|columns?|bars?|commit|asset|partition|boolean|request) "
    r"an? (symbol|strategy|run|part|day|row|user|bar|session|year|backtest)": "per",
    r"no(body| one) (else )?(can|could|reads|knows|asked)|other hands|no news": "a plain statement",
}
"""What not to write, as a regular expression of whole words, and what to write instead."""

ALLOWED = {
    ("CONTRIBUTING.md", "terms"),
    ("benchmarks/__main__.py", "of the page"),
    ("docs/market-data.md", "terms"),  # Yahoo's terms of use
    ("resources/market_data/bars.py", "lets go"),  # of the interpreter's lock
    ("resources/market_data/sources/synthetic.py", "terms"),  # of a sum
}
"""Phrases that are right in their file."""


def _files() -> Iterator[Path]:
    yield from (ROOT / name for name in PAGES.split())
    for folder in FOLDERS:
        found = (path for path in (ROOT / folder).rglob("*") if path.suffix in SUFFIXES)
        yield from (path for path in found if path != Path(__file__).resolve())


def _violations(pattern: str) -> Iterator[str]:
    """Find the pattern in text, and in names such as `one_row_a_symbol`."""
    words = re.compile(rf"\b({pattern})\b")
    for path in _files():
        name = path.relative_to(ROOT).as_posix()
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            for found in words.finditer(line.replace("_", " ")):
                if (name, found[0]) not in ALLOWED:
                    yield f"{name}:{number}: {found[0]}"


@pytest.mark.parametrize(("pattern", "instead"), INSTEAD.items())
def test_no_replaced_word_is_used(pattern: str, instead: str):
    assert not list(_violations(pattern)), f"write: {instead}"


def test_every_allowed_phrase_still_occurs():
    assert [
        one
        for one in sorted(ALLOWED)
        if not re.search(rf"\b{one[1]}\b", (ROOT / one[0]).read_text())
    ] == []


def test_test_names_have_at_most_60_characters():
    names = [
        node.name
        for path in (ROOT / "tests").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        and node.name.startswith("test_")
    ]
    assert names
    assert [name for name in names if len(name) > LONGEST_NAME] == []
