"""A database that exists already: a copy, because creating one takes most of a test's time."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from resources.result_store.embedded import data_folder, start_embedded
from tests.postgres import stop_server


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """Lend the folder of a server that was started once."""
    home = Path(tempfile.mkdtemp(prefix="gauntlet-template-"))
    start_embedded(home)
    stop_server(home)
    yield data_folder(home)
    shutil.rmtree(home)


@pytest.fixture
def prepare(template: Path) -> Callable[[Path], Path]:
    """Return what puts a database without tables under a folder, and returns that folder."""

    def copy(home: Path) -> Path:
        home.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-a", template, data_folder(home)], check=True)
        return home

    return copy


@pytest.fixture
def old_home(home: Path, prepare: Callable[[Path], Path]) -> Path:
    """Return a folder with a database that was used before."""
    return prepare(home)
