"""The settings of a cluster: what is allowed, and what is refused with which text."""

from pathlib import Path

import pytest

from resources.config.cluster import (
    TLS_FILES,
    ClusterSettings,
    InvalidClusterError,
    count_cores,
    parse_cluster,
)


@pytest.fixture
def tls(tmp_path: Path) -> Path:
    for name in TLS_FILES:
        (tmp_path / name).touch()
    return tmp_path


def test_without_the_setting_there_is_no_cluster():
    assert parse_cluster({}) is None


@pytest.mark.parametrize(("text", "processes"), [("local", count_cores()), ("local:3", 3)])
def test_a_local_cluster_has_a_process_per_core_unless_said(text: str, processes: int):
    assert parse_cluster({"GAUNTLET_CLUSTER": text}) == ClusterSettings("", processes)


@pytest.mark.parametrize("scheme", ["dask", "tcp"])
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]", "127.8.0.1"])
def test_a_scheduler_of_this_machine_needs_no_certificates(scheme: str, host: str):
    found = parse_cluster({"GAUNTLET_CLUSTER": f"{scheme}://{host}:8786"})
    assert found == ClusterSettings(f"tcp://{host}:8786", 0)


@pytest.mark.parametrize(
    "host", ["10.0.0.5", "scheduler", "127.0.0.1.example.com", "localhost.evil", "[fe80::1]"]
)
def test_a_scheduler_of_another_machine_is_refused_without_tls(host: str):
    with pytest.raises(InvalidClusterError, match="scheduler without TLS on another machine"):
        parse_cluster({"GAUNTLET_CLUSTER": f"dask://{host}:8786"})


def test_a_scheduler_with_tls_needs_all_three_files(tls: Path):
    given = {"GAUNTLET_CLUSTER": "tls://scheduler:8786", "GAUNTLET_CLUSTER_TLS": str(tls)}
    assert parse_cluster(given) == ClusterSettings("tls://scheduler:8786", 0, tls)
    (tls / "tls.key").unlink()
    with pytest.raises(InvalidClusterError, match=r"GAUNTLET_CLUSTER_TLS=.* lacks tls\.key"):
        parse_cluster(given)
    with pytest.raises(InvalidClusterError, match="set GAUNTLET_CLUSTER_TLS to a folder"):
        parse_cluster({"GAUNTLET_CLUSTER": "tls://scheduler:8786"})


@pytest.mark.parametrize(
    "text",
    ["lokal", "local:0", "local:x", "local:", "8786", "dask://:8786", "dask://[::1", "tls://h"],
)
def test_what_is_no_cluster_is_refused_with_what_is_allowed(text: str):
    with pytest.raises(InvalidClusterError, match=r"GAUNTLET_CLUSTER=.*allowed: local"):
        parse_cluster({"GAUNTLET_CLUSTER": text})


@pytest.mark.parametrize("text", ["0", "-5", "soon", "nan", "inf"])
def test_a_timeout_must_be_seconds(text: str):
    with pytest.raises(InvalidClusterError, match="GAUNTLET_CLUSTER_TIMEOUT"):
        parse_cluster({"GAUNTLET_CLUSTER_TIMEOUT": text})


@pytest.mark.parametrize("text", ["2", "lots", "-2GiB", "2 TB"])
def test_memory_must_be_an_amount(text: str):
    with pytest.raises(InvalidClusterError, match="GAUNTLET_CLUSTER_MEMORY"):
        parse_cluster({"GAUNTLET_CLUSTER_MEMORY": text})


@pytest.mark.parametrize("text", ["redis://:s3cret@broker:6379/0", "tcp://ann:s3cret@far:8786"])
def test_no_password_is_shown(text: str):
    with pytest.raises(InvalidClusterError, match="GAUNTLET_CLUSTER=") as refused:
        parse_cluster({"GAUNTLET_CLUSTER": text})
    assert "s3cret" not in str(refused.value)
