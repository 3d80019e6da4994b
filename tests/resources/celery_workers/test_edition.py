"""An edition changes with code, files and settings, and with nothing else."""

import os
from pathlib import Path

from pipelines.definitions import build_edition
from resources.celery_workers.edition import Edition
from resources.config.environment import EnvironmentSettings


def test_an_edition_changes_with_code_files_and_settings(tmp_path: Path):
    code, universe = tmp_path / "strategies" / "rsi.py", tmp_path / "universe.csv"
    code.parent.mkdir()
    code.write_text("fast = 14")
    edition = Edition(["source=sample"], [universe], tmp_path)
    seen, signature = [edition.compute()], edition.read_signature()
    os.utime(code, (1, 1))
    assert edition.compute() == seen[0]
    for path, text in ((code, "fast = 15"), (universe, "symbol\nAAPL"), (universe, "symbol\nMSFT")):
        path.write_text(text)
        seen.append(edition.compute())
    code.rename(code.with_name("macd.py"))
    seen += [edition.compute(), Edition(["source=yahoo"], [universe], tmp_path).compute()]
    assert len(set(seen)) == len(seen)
    assert edition.read_signature() != signature


def test_it_is_of_the_environment_without_its_passwords():
    def compute(**environ: str) -> str:
        return build_edition(EnvironmentSettings.from_environment(environ)).compute()

    files = {"GAUNTLET_SOURCE": "files"}
    url = "https://me:{}@prices.example/{}"
    one = compute(**files, GAUNTLET_PRICES=url.format("a", "daily"))
    assert compute(**files, GAUNTLET_PRICES=url.format("b", "daily")) == one
    assert compute(**files, GAUNTLET_PRICES=url.format("a", "weekly")) != one
    assert compute() != one
