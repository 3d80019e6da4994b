"""`setup.sh` in real processes, with a project of no packages: no network, no second interpreter.

That it installs the real project is what CI begins with.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from contextlib import suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SETUP = (ROOT / "setup.sh").read_text()

# A build without build tools, of a project without files.
BACKEND = """
import zipfile
def build_editable(folder, *_):
    name, info = "tiny-1-py3-none-any.whl", "tiny-1.dist-info"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1"
[project.optional-dependencies]
s3 = []
[dependency-groups]
"""
# Changing the interpreter that .venv came from must not happen even in a failing test.
GUARDED_UV = """#!/bin/sh
case "$*" in "pip "*) test -f .venv/pyvenv.cfg || {{ echo "not a .venv" >&2; exit 99; }} ;; esac
exec '{uv}' "$@"
"""
# Its pip copies instead of downloading, if it is to check the hashes of what it downloads.
PYTHON_WITH_PIP = """#!/bin/sh
case "$*" in
"-m pip install "*" --require-hashes "*" --requirement requirements-uv.lock")
  mkdir -p .tools/new/bin && install -m 755 uv .tools/new/bin/uv ;;
*) exec {} "$@" ;;
esac
"""
OLD = '#!/bin/sh\ncase "$2" in *sys.exit*) exit 1 ;; esac\necho 3.8.18\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project that `setup.sh` can set up."""
    (tmp_path / "backend.py").write_text(BACKEND)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "requirements.lock").write_text("# nothing\n")
    (tmp_path / "requirements-dev.lock").write_text("# nothing\n")
    for name in ("setup.sh", "requirements-uv.lock"):
        shutil.copy(ROOT / name, tmp_path)
    uv = tmp_path / ".tools/uv/bin/uv"
    uv.parent.mkdir(parents=True)
    _write_program(uv, GUARDED_UV.format(uv=Path(sys.executable).with_name("uv")))
    return tmp_path


def _write_program(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def _environment(**variables: str) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {**kept, "UV_OFFLINE": "1", "PYTHON": sys.executable, **variables}


def _start(folder: Path, *words: str, **variables: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        ["sh", "setup.sh", *words],
        cwd=folder,
        env=_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _set_up(folder: Path, *words: str, **variables: str) -> tuple[int, str]:
    process = _start(folder, *words, **variables)
    shown, _ = process.communicate()
    return process.returncode, shown


def _require_ready(folder: Path) -> None:
    code, shown = _set_up(folder)
    assert (code, shown) == (0, "")
    program = "import sys; assert sys.prefix != sys.base_prefix; print(sys.prefix)"
    python = str(folder / ".venv/bin/python")
    found = subprocess.run([python, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(folder / ".venv")


def test_setup_is_done_once_and_keeps_what_was_asked_for(folder: Path):
    code, shown = _set_up(folder, PYTHON="")  # python3, whatever it is
    assert code == 0, shown
    assert f"Setting up .venv with Python {sys.version.split()[0]} from requirements.lock" in shown
    _require_ready(folder)
    marker = folder / ".venv/installed by hand"
    marker.touch()
    _, shown = _set_up(folder, "dev")
    assert "from requirements-dev.lock" in shown
    (folder / "requirements.lock").write_text("# changed\n")
    _, shown = _set_up(folder)
    assert "from requirements-dev.lock" in shown, "a run does not remove what tests need"
    _require_ready(folder)
    assert marker.exists(), "a new lock file is no reason to begin from nothing"


# What an interrupted `make setup` or `make clean` can leave, or a move of the folder.
DAMAGES = (
    "rm .venv/.synced",
    "rm .venv/pyvenv.cfg",
    "rm -r .venv/bin",
    "ln -sf /bin/false .venv/bin/python",
    "sed -i.old 2s/$/-elsewhere/ .venv/.synced",
)


def test_a_venv_that_is_not_whole_is_made_again(folder: Path):
    _set_up(folder)
    marker = folder / ".venv/left over"
    for damage in DAMAGES:
        marker.touch()
        subprocess.run(["sh", "-ec", damage], cwd=folder, check=True)
        code, shown = _set_up(folder)
        assert code == 0, shown
        assert not marker.exists(), damage
    _require_ready(folder)


def test_a_setup_that_is_killed_at_any_moment_is_repeated(folder: Path):
    begun = time.monotonic()
    _set_up(folder)
    seconds = time.monotonic() - begun
    for share in (0.2, 0.4, 0.6, 0.8, 0.95):
        shutil.rmtree(folder / ".venv", ignore_errors=True)
        process = _start(folder)
        with suppress(subprocess.TimeoutExpired):
            process.wait(share * seconds)
        with suppress(ProcessLookupError):  # it was faster than the first time
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        code, shown = _set_up(folder)
        assert code == 0, shown
        _require_ready(folder)


def test_a_venv_of_an_old_python_is_made_again(folder: Path):
    (folder / ".venv/bin").mkdir(parents=True)
    (folder / ".venv/pyvenv.cfg").touch()
    _write_program(folder / ".venv/bin/python", OLD)
    code, shown = _set_up(folder)
    assert code == 0, shown
    _require_ready(folder)


def test_a_venv_is_of_the_version_that_python_names(folder: Path):
    uv, newer = str(folder / ".tools/uv/bin/uv"), f">=3.{sys.version_info.minor + 1}"
    find = [uv, "python", "find", "--no-project", "--offline", newer]
    other = subprocess.run(find, capture_output=True, text=True, check=False).stdout.strip()
    if not other:
        pytest.skip("no newer version of Python is here")
    _set_up(folder)
    code, shown = _set_up(folder, PYTHON=other)
    assert code == 0, shown
    assert "Setting up .venv with Python 3." in shown
    assert f"Python {sys.version.split()[0]} " not in shown
    # Whoever names none takes what is there.
    assert _set_up(folder, PYTHON="") == (0, "")


@pytest.mark.parametrize(
    ("python", "found"),
    [
        (OLD, "' is Python 3.8.18, and Python 3.11 or newer is needed: "),
        (None, "' is not found or does not work, and Python 3.11 or newer is needed: "),
    ],
)
def test_an_unfit_python_is_refused_in_one_line(folder: Path, python: str | None, found: str):
    path = folder / "python-of-old"
    if python:
        _write_program(path, python)
    code, shown = _set_up(folder, PYTHON=str(path))
    assert code == 2
    (line,) = shown.splitlines()
    assert line.startswith(f"Refused: '{path}{found}")
    assert re.search(r"make setup PYTHON=python3\.\d+", line)
    assert not (folder / ".venv").exists()


def test_an_unknown_extra_is_refused(folder: Path):
    code, shown = _set_up(folder, "s4")
    assert (code, shown) == (2, "Refused: 's4' is not among the extras of pyproject.toml: s3.\n")


def test_a_uv_that_does_not_work_is_fetched_again(folder: Path):
    uv = folder / ".tools/uv/bin/uv"
    whole = uv.read_text()
    (folder / "uv").write_text(whole)
    uv.write_text("half of a program")
    python = _write_program(folder / "python-with-pip", PYTHON_WITH_PIP.format(sys.executable))
    code, shown = _set_up(folder, PYTHON=python)
    assert code == 0, shown
    assert shown.startswith("Fetching uv ")
    assert uv.read_text() == whole
    _require_ready(folder)


def test_a_failed_sync_is_no_proof(folder: Path):
    (folder / "requirements.lock").write_text(f"no-such-package==1 --hash=sha256:{'0' * 64}\n")
    code, shown = _set_up(folder)
    assert code != 0
    assert "no-such-package" in shown
    assert not (folder / ".venv/.synced").exists()


def test_of_two_at_once_one_waits_for_the_other(folder: Path):
    both = [_start(folder), _start(folder)]
    shown = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], shown
    assert "".join(shown).count("Setting up .venv") == 1
    _require_ready(folder)


def test_the_lock_files_agree_and_name_no_host():
    pins = {}
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text()
        assert "://" not in text, name
        pins[name] = set(re.findall(r"^(\S+==[^\\\n]+)", text, re.MULTILINE))
    assert pins["requirements.lock"] < pins["requirements-dev.lock"]
    lean = {pin.partition("==")[0] for pin in pins["requirements.lock"]}
    assert not lean & {"vectorbt", "numba", "moto", "playwright", "pyright", "s3fs", "kubernetes"}


def test_versions_are_those_of_pyproject():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (needed,) = re.findall(r"^NEEDED=(\S+)$", SETUP, re.MULTILINE)
    assert project["project"]["requires-python"] == f">={needed}"
    locked = (ROOT / "requirements-uv.lock").read_text()
    (uv,) = re.findall(r"^(uv==\S+) \\\n    --hash=sha256:", locked, re.MULTILINE)
    assert uv in project["dependency-groups"]["dev"]
    assert locked in (ROOT / "requirements-dev.lock").read_text()
