"""The links, files, services, limits, commands and SQL of docs/operations.md are correct."""

import re
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml
from sqlalchemy.exc import ProgrammingError

from pipelines.automation.retries import GAVE_UP_ON_TAG, RETRY_DELAYS
from resources.result_store.connection import create_engine_for, parse_url

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
TEXT = (DOCS / "operations.md").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy/docker-compose.yaml").read_text())
INSTANCE = yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", TEXT))))
def test_links_and_anchors_exist(link: str):
    path, _, anchor = link.partition("#")
    target = DOCS / path if path else DOCS / "operations.md"
    assert target.exists()
    assert not anchor or anchor in _anchors(target.read_text())


def test_files_of_deploy_exist():
    named = set(re.findall(r"deploy/[\w./-]*\w", TEXT))
    made = {"deploy/.env"}
    assert all((ROOT / path).exists() for path in named - made if "secrets" not in path)


def test_services_and_ports_are_those_of_the_compose_file():
    table = TEXT.split("| service |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == set(COMPOSE["services"])
    ports = {port.rsplit(":", 1)[1] for port in COMPOSE["services"]["proxy"]["ports"]}
    assert set(re.findall(r"\b84\d\d\b", TEXT)) == ports


def test_limits_are_those_of_the_instance():
    runs = INSTANCE["concurrency"]["runs"]
    assert runs["max_concurrent_runs"] == 10
    assert [limit["limit"] for limit in runs["tag_concurrency_limits"]] == [2, 1]
    assert INSTANCE["concurrency"]["pools"]["default_limit"] == 2
    monitoring = INSTANCE["run_monitoring"]
    assert f"did not start within {monitoring['start_timeout_seconds']} s" in TEXT
    assert monitoring["max_runtime_seconds"] == 4 * 3600
    assert "A run fails after four hours." in TEXT


def test_retries_are_those_of_the_sensor():
    first, second, third = (wait.seconds // 60 for wait in RETRY_DELAYS)
    assert f"retries transient errors after {first}, {second} and {third} minutes" in TEXT
    assert f"`{GAVE_UP_ON_TAG}`" in TEXT


def test_commands_are_those_of_make():
    verbs = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`|\$ |&& )make ([a-z]+)", TEXT, re.MULTILINE)) <= verbs


def test_the_sql_creates_a_login_that_only_reads(database: str):
    engine = create_engine_for(parse_url(database))
    (statement,) = re.findall(r"```sql\n(.*?)```", TEXT, re.DOTALL)
    login = f"grafana_{engine.url.database}"
    with engine.begin() as connection:
        connection.execute(sa.text(statement.replace("grafana", login)))
        connection.exec_driver_sql(f"SET LOCAL ROLE {login}")
        connection.exec_driver_sql("SELECT * FROM latest_backtests")
        with pytest.raises(ProgrammingError), connection.begin_nested():
            connection.exec_driver_sql("DELETE FROM backtests")
        connection.exec_driver_sql("RESET ROLE")
        connection.exec_driver_sql(f"DROP ROLE {login}")
    engine.dispose()
