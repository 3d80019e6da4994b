"""docs/reliability.md: each fault names tests, and they exist."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs/reliability.md").read_text()
TESTS = {
    name
    for path in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)\(", path.read_text(), re.MULTILINE)
}


def test_each_fault_names_tests_that_exist():
    rows = [line for line in PAGE.splitlines() if re.match(r"\| (?!fault )\S", line)]
    assert len(rows) > 45
    for row in rows:
        _, fault, happens, remedy, tests, _ = re.split(r"(?<!\\)\|", row)
        assert fault.strip(), row
        assert happens.strip(), row
        assert remedy.strip(), row
        assert re.fullmatch(r"( `test_\w+`)+ ", tests), row
        for name in re.findall(r"test_\w+", tests):
            assert name in TESTS, f"{name} is the name of no test"


def test_links_exist():
    for path in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", PAGE):
        assert (ROOT / "docs" / path).exists(), path
