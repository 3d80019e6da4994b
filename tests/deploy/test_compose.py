"""The compose file publishes only the proxy, keeps no secret, and names files that exist."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
WEBSERVERS = ("webserver", "viewer")


def _variables(text: str) -> set[str]:
    return set(re.findall(r"\$\{([A-Z_]+)", text))


def test_only_the_proxy_publishes_ports_by_default_on_loopback():
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}
    assert set(published) == {"proxy"}
    assert all(port.startswith("${GAUNTLET_BIND:-127.0.0.1}:") for port in published["proxy"])
    assert not any(service.get("network_mode") for service in SERVICES.values())


def test_only_runs_and_the_proxy_reach_the_outside_network():
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    reaching = {name for name, service in SERVICES.items() if "outside" in service["networks"]}
    # Runs fetch prices, and users reach the proxy.
    assert reaching == {"code-server", "worker", "proxy"}


def test_the_webserver_of_viewers_is_read_only():
    commands = {name: SERVICES[name]["command"] for name in WEBSERVERS}
    assert commands["viewer"] == [*commands["webserver"], "--read-only"]


def test_dagsters_tables_are_migrated_before_services_start():
    assert SERVICES["migrate"]["command"] == ["dagster", "instance", "migrate"]
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    for name in ("code-server", "worker", "daemon", *WEBSERVERS):
        needed = SERVICES[name]["depends_on"]["migrate"]
        assert needed == {"condition": "service_completed_successfully"}, name


@pytest.mark.parametrize("name", ["migrate", "code-server", "worker", "daemon", *WEBSERVERS])
def test_every_process_of_dagster_has_storage_and_data(name: str):
    service = SERVICES[name]
    assert service["image"] == SERVICES["code-server"]["image"]
    assert "DAGSTER_DATABASE_URL" in service["environment"]
    assert service["volumes"] == ["data:/data"]
    assert service["cap_drop"] == ["ALL"]


def test_only_runs_have_the_result_store():
    found = {name for name, service in SERVICES.items() if "DATABASE_URL" in _names(service)}
    assert found == {"code-server", "worker"}
    # Other settings are another edition, whose workers get no run of this code server.
    assert SERVICES["worker"]["environment"] == SERVICES["code-server"]["environment"]


def _names(service: dict[str, Any]) -> set[str]:
    return set(service.get("environment", {}))


def test_variables_are_those_of_env_example():
    text = (DEPLOY / "docker-compose.yaml").read_text()
    given = dict(re.findall(r"^([A-Z_]+)=(.*)$", (DEPLOY / "env.example").read_text(), re.M))
    assert _variables(text) == set(given)
    # Without these it refuses to start; the example has no secret.
    required = set(re.findall(r"\$\{([A-Z_]+):\?", text))
    assert required == {"POSTGRES_PASSWORD", "DATABASE_URL", "DAGSTER_DATABASE_URL"}
    blank = {"PRICE_STORE", "BACKTEST_FILES", "PLACES_IN_RUN_CONFIG"}
    blank |= {"PRICES", "SPLITS", "COLUMNS", "SYMBOLS_PER_RUN", "WEBHOOK", "URL"}
    blank |= {"BROKER_URL", "CLUSTER", "CLUSTER_TLS"}
    assert {name for name, value in given.items() if not value} == required | {
        "REDIS_PASSWORD",
        *(f"GAUNTLET_{name}" for name in blank),
    }


def test_volumes_networks_secrets_and_files_exist():
    for name, service in SERVICES.items():
        for mount in service.get("volumes", []):
            source = mount.split(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
            else:
                assert source in COMPOSE["volumes"], name
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
        assert set(service.get("depends_on", [])) <= set(SERVICES)
    build = SERVICES["migrate"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_the_workspace_has_the_port_of_the_image():
    (location,) = yaml.safe_load((DEPLOY / "workspace.yaml").read_text())["load_from"]
    server = location["grpc_server"]
    assert server["host"] in SERVICES
    started = (DEPLOY / "Dockerfile").read_text().splitlines()[-1]
    assert f'"-p", "{server["port"]}", "-m", "pipelines.definitions"' in started


def test_workers_are_optional_and_chosen_by_the_broker():
    optional = {name for name, service in SERVICES.items() if "profiles" in service}
    assert optional == {"worker", "redis", "scheduler", "cluster-worker"}
    assert "# COMPOSE_PROFILES=celery\n" in (DEPLOY / "env.example").read_text()
    for name, service in SERVICES.items():
        if name not in optional and "DAGSTER_DATABASE_URL" in service.get("environment", {}):
            chosen = service["environment"]["DAGSTER_HOME"]
            assert chosen == "/opt/dagster${GAUNTLET_BROKER_URL:+-celery}"
            assert not optional & set(service["depends_on"]), name
    written = re.findall(r"^RUN cat (\S+) (\S+) > (\S+)$", DOCKERFILE, re.MULTILINE)
    instance = "/opt/dagster/dagster.yaml"
    appended = "/opt/dagster/celery.yaml"
    assert written == [(instance, appended, "/opt/dagster-celery/dagster.yaml")]


def test_workers_of_the_cluster_fit_their_limit():
    worker = SERVICES["cluster-worker"]
    (processes,) = [part for part in worker["command"] if part.startswith("--processes=")]
    memory, whole = (
        re.fullmatch(r"\$\{\w+:-(\d+)(?:GiB|g)\}", text)
        for text in (worker["environment"]["GAUNTLET_CLUSTER_MEMORY"], worker["mem_limit"])
    )
    assert memory
    assert whole
    assert int(processes.partition("=")[2]) * int(memory[1]) < int(whole[1])


def test_redis_takes_its_password_from_the_environment():
    # A command line is seen by whoever lists processes; without a password anybody could connect.
    for password, code in (("", 2), ("sesame0pen", 0)):
        ran = _run_redis_command(password)
        assert ran.returncode == code
    assert ran.stdout.splitlines()[0] == "requirepass sesame0pen"


def _run_redis_command(password: str) -> subprocess.CompletedProcess[str]:
    """Run the service's command with a program in the place of Redis, which prints its settings."""
    shell, option, script = SERVICES["redis"]["command"]
    command = script.replace("$$", "$").replace("exec redis-server -", "cat")
    environment = {"PATH": os.environ["PATH"], "REDIS_PASSWORD": password}
    return subprocess.run(
        [shell, option, command], env=environment, capture_output=True, text=True, check=False
    )
