"""Claims of runs: dead is what is certainly dead, for real processes that are killed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from resources.run_processes.claims import RunClaims
from resources.run_processes.process import ProcessIdentity

KILLED = "its process was killed or ended without a word"
RUN = "11111111-2222-3333-4444-555555555555"
_PROGRAM = """
import os, sys, time
from pathlib import Path
from resources.run_processes.claims import RunClaims
claims, run = RunClaims(Path(sys.argv[1])), sys.argv[2]
{body}
print("ready", flush=True)
time.sleep(600)
"""
_HOLD_AND_FORK = """
claims.hold(run)
forked, begun = os.pipe()
if not os.fork():
    os.write(begun, b"1")
    time.sleep(600)
os.read(forked, 1)
"""


class _Children(list[subprocess.Popen[str]]):
    def start(self, folder: Path, body: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", _PROGRAM.format(body=body), str(folder), RUN]
        popen = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
        self.append(popen)
        return self[-1]

    def start_ready(self, folder: Path, body: str) -> subprocess.Popen[str]:
        child = self.start(folder, body)
        assert child.stdout
        assert child.stdout.readline() == "ready\n"
        return child


@pytest.fixture
def children() -> Iterator[_Children]:
    started = _Children()
    yield started
    for child in started:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)  # those that it has forked, too
        child.communicate()


@pytest.fixture
def unknown_disk(tmp_path: Path) -> Iterator[Path]:
    """Lend a folder on a file system that could be one of a network."""
    folder = tmp_path / "remote"
    folder.mkdir()
    mount = ["mount", "-t", "ramfs", "ramfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def _explain(folder: Path) -> str | None:
    """Return why the run is dead; "" if that is not certain, None if it is claimed."""
    with RunClaims(folder).examine(RUN) as claim:
        return None if claim is None else claim.explain_death()


@pytest.mark.parametrize("place", ["tmp_path", "unknown_disk"])
def test_only_the_run_of_a_killed_process_is_dead(
    place: str, request: pytest.FixtureRequest, children: _Children
):
    folder: Path = request.getfixturevalue(place)
    assert _explain(folder) is None  # nothing is known of it
    # What a process has forked may outlive it, and is not what executes the run.
    child = children.start_ready(folder, _HOLD_AND_FORK)
    assert _explain(folder) is None
    child.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, child.pid, os.WSTOPPED)
    assert _explain(folder) is None
    child.kill()
    child.wait()
    assert _explain(folder) == (
        f"its process was killed or ended without a word (process {child.pid} of {os.uname()[1]})"
    )


def test_a_run_that_starts_is_dead_once_its_launcher_is(tmp_path: Path, children: _Children):
    launcher = children.start_ready(tmp_path, "claims.hold_for_start(run)")
    assert _explain(tmp_path) == ""
    launcher.kill()
    launcher.wait()
    assert (_explain(tmp_path) or "").startswith("what started it is gone")
    # Its process, if there is one that was only slow, claims it later.
    children.start_ready(tmp_path, "claims.hold(run)")
    assert _explain(tmp_path) is None


def test_nobody_begins_a_run_while_it_is_reported_dead(tmp_path: Path, children: _Children):
    claims = RunClaims(tmp_path)
    claims.hold_for_start(RUN)
    with claims.examine(RUN):
        body = 'claims.hold(run); print(Path(sys.argv[1], "reported").exists(), flush=True)'
        late = children.start(tmp_path, body)
        waits = f"-> FLOCK  ADVISORY  WRITE {late.pid} "
        while waits not in Path("/proc/locks").read_text():
            assert late.poll() is None
        claims.remove(RUN)
        (tmp_path / "reported").touch()
    assert late.stdout
    assert late.stdout.readline() == "True\n"
    assert _explain(tmp_path) is None


def test_an_ended_run_is_released_by_the_next_or_at_exit(tmp_path: Path):
    body = "claims.hold('a'); claims.hold('b'); claims.end('a'); claims.end('c'); claims.hold(run)"
    seen = "print(sorted(os.listdir(sys.argv[1]))); claims.end('b'); sys.exit()"
    command = [sys.executable, "-c", _PROGRAM.format(body=f"{body}; {seen}"), str(tmp_path), RUN]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{[RUN, 'b']}\n"
    # A run without its last event has not ended, whatever became of its process.
    assert RunClaims(tmp_path).list_runs() == [RUN]


@pytest.mark.parametrize(
    ("place", "changed", "explained"),
    [
        ("tmp_path", {"boot": "earlier"}, "its machine was restarted"),
        ("tmp_path", {"boot": "earlier", "host": "its copy"}, ""),
        (
            "tmp_path",
            {"namespace": "of a container"},
            KILLED,
        ),
        ("unknown_disk", {"boot": "earlier"}, ""),
        ("unknown_disk", {"namespace": "of a container"}, ""),
        ("unknown_disk", {"started": "1"}, KILLED),
        ("unknown_disk", {}, ""),
    ],
)
def test_a_process_of_elsewhere_is_never_taken_for_dead(
    place: str, changed: dict[str, str], explained: str, request: pytest.FixtureRequest
):
    folder: Path = request.getfixturevalue(place)
    (folder / RUN).write_text(replace(ProcessIdentity.of_this_process(), **changed).to_json())
    found = _explain(folder)
    assert found is not None
    assert found.partition(" (")[0] == explained


@pytest.mark.parametrize("text", ["", "starting ", "{", json.dumps({"host": "a"}), "[]"])
def test_a_claim_that_can_not_be_read_says_nothing(tmp_path: Path, text: str):
    (tmp_path / RUN).write_text(text)
    assert _explain(tmp_path) == ""
