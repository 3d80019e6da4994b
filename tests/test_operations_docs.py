"""What docs/operations.md says is so: its links, files, services, ports, verbs and SQL."""

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
PAGE = (DOCS / "operations.md").read_text()
COMPOSE = yaml.safe_load((ROOT / "deploy/docker-compose.yaml").read_text())
INSTANCE = yaml.safe_load((ROOT / "deploy/dagster.yaml").read_text())


def _anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\((?!http)([^)]+)\)", PAGE))))
def test_its_links_lead_somewhere(link: str):
    path, _, anchor = link.partition("#")
    target = DOCS / path if path else DOCS / "operations.md"
    assert target.exists()
    assert not anchor or anchor in _anchors(target.read_text())


def test_its_files_of_deploy_exist():
    named = set(re.findall(r"deploy/[\w./-]*\w", PAGE))
    made = {"deploy/.env"}
    assert all((ROOT / path).exists() for path in named - made if "secrets" not in path)


def test_its_services_are_those_of_the_compose_file():
    table = PAGE.split("| service |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == set(COMPOSE["services"])
    ports = {port.rsplit(":", 1)[1] for port in COMPOSE["services"]["proxy"]["ports"]}
    assert set(re.findall(r"\b84\d\d\b", PAGE)) == ports


def test_its_limits_are_those_of_the_instance():
    runs = INSTANCE["concurrency"]["runs"]
    assert runs["max_concurrent_runs"] == 10
    assert [limit["limit"] for limit in runs["tag_concurrency_limits"]] == [2, 1]
    assert INSTANCE["concurrency"]["pools"]["default_limit"] == 2
    monitoring = INSTANCE["run_monitoring"]
    assert f"did not begin within {monitoring['start_timeout_seconds']} s" in PAGE
    assert monitoring["max_runtime_seconds"] == 4 * 3600
    assert "A run is failed after four hours." in PAGE


def test_its_retries_are_those_of_the_sensor():
    first, second, third = (wait.seconds // 60 for wait in RETRY_DELAYS)
    assert f"tries {first}, {second} and {third} minutes later" in PAGE
    assert f"`{GAVE_UP_ON_TAG}`" in PAGE


def test_its_verbs_are_those_of_make():
    verbs = set(re.findall(r"^([a-z]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^|`|\$ |&& )make ([a-z]+)", PAGE, re.MULTILINE)) <= verbs


def test_its_sql_makes_a_login_that_reads_and_does_not_write(database: str):
    engine = create_engine_for(parse_url(database))
    (statement,) = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
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
