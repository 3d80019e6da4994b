"""The command that shows what a run has made."""

from pathlib import Path

from pipelines.cli.ui_command import describe_ui

ADDRESS = ", then\nhttp://127.0.0.1:3000/assets/leaderboard"


def test_only_settings_that_were_given_are_in_the_command():
    assert describe_ui({}) == f"See it: make ui{ADDRESS}"
    given = {"GAUNTLET_SOURCE": "sample", "GAUNTLET_START": " ", "DAGSTER_HOME": str(Path.cwd())}
    assert describe_ui(given) == f"See it: make ui SOURCE=sample{ADDRESS}"


def test_a_rate_and_other_settings_of_runs_are_left_out():
    given = {"GAUNTLET_RATE": "1", "GAUNTLET_SYMBOLS_PER_RUN": "9", "GAUNTLET_WEBHOOK": "https://x"}
    assert describe_ui(given) == f"See it: make ui{ADDRESS}"


def test_values_are_quoted_for_the_shell_and_for_make():
    given = {"GAUNTLET_UNIVERSE": "my universe.csv", "GAUNTLET_HOME": "/data/$x"}
    command = "make ui UNIVERSE='my universe.csv' GAUNTLET_HOME='/data/$$x'"
    assert describe_ui(given) == f"See it: {command}{ADDRESS}"


def test_no_password_is_shown():
    given = {
        "DATABASE_URL": "postgresql://me:sesame@h/x",
        "GAUNTLET_SOURCE": "files",
        "GAUNTLET_PRICES": "ftp://me:sesame@h/x",
        "DAGSTER_HOME": "/elsewhere",
    }
    assert describe_ui(given, 3001) == (
        "See it: make ui SOURCE=files PRICES='ftp://***@h/x' DAGSTER_HOME=/elsewhere PORT=3001, "
        "with the same DATABASE_URL, then\nhttp://127.0.0.1:3001/assets/leaderboard"
    )
