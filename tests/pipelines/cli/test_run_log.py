"""The log files of runs."""

from pathlib import Path

from pipelines.cli.run_log import new_log_file


def test_the_newest_twenty_logs_are_kept(tmp_path: Path):
    for number in range(25):
        (tmp_path / f"main-job-20200101T0000{number:02}-1.log").touch()
    (tmp_path / "other.log").touch()
    new = new_log_file(tmp_path)
    assert new.name.startswith("main-job-2")
    new.touch()
    left = sorted(path.name for path in tmp_path.glob("main-job-*.log"))
    assert len(left) == 20
    assert left[0] == "main-job-20200101T000006-1.log"
    assert (tmp_path / "other.log").exists()


def test_the_folder_is_created(tmp_path: Path):
    assert new_log_file(tmp_path / "data/logs").parent.is_dir()
