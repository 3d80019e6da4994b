"""The values of the chart fit Kubernetes' models and the run launcher's configuration."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kubernetes.client as k8s
import pytest
import yaml
from dagster._config import process_config
from dagster_k8s import K8sRunLauncher
from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict

from resources.cluster.worker import build_environment
from resources.config.cluster import CLUSTER as CLUSTER_VARIABLE
from resources.config.cluster import TLS

ROOT = Path(__file__).resolve().parents[2]
VALUES = yaml.safe_load((ROOT / "deploy/kubernetes/values.yaml").read_text())
LAUNCHER = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
(CODE,) = VALUES["dagster-user-deployments"]["deployments"]
PODS = {
    "code": CODE,
    "webserver": VALUES["dagsterWebserver"],
    "daemon": VALUES["dagsterDaemon"],
}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


def _fits(model: type, values: Mapping[str, Any]) -> bool:
    """Return whether all of `values` are fields of a model; raise on other fields."""
    return isinstance(k8s_model_from_dict(model, k8s_snake_case_dict(model, values)), model)


@pytest.mark.parametrize("name", PODS)
def test_pods_fit_the_models_of_kubernetes(name: str):
    pod = PODS[name]
    assert _fits(k8s.V1PodSecurityContext, pod["podSecurityContext"])
    assert all(_fits(k8s.V1Volume, volume) for volume in pod.get("volumes", []))
    assert all(_fits(k8s.V1VolumeMount, mount) for mount in pod.get("volumeMounts", []))
    assert {mount["name"] for mount in pod.get("volumeMounts", [])} <= {
        volume["name"] for volume in pod.get("volumes", [])
    }
    assert _fits(k8s.V1ResourceRequirements, pod.get("resources", {}))
    assert all(_fits(k8s.V1EnvVar, variable) for variable in pod.get("env", []))


def test_an_unknown_field_is_rejected():
    with pytest.raises(Exception, match="claim"):
        _fits(k8s.V1Volume, {"name": "data", "persistentVolumeClaim": {"claim": "gauntlet-data"}})


def test_the_run_launcher_accepts_the_values_of_runs():
    accepted = process_config(K8sRunLauncher.config_type(), _configure_launcher())
    assert accepted.success, accepted.errors


def _configure_launcher() -> dict[str, Any]:
    run_config = {_snake(name): value for name, value in LAUNCHER["runK8sConfig"].items()}
    models = {
        "container_config": k8s.V1Container,
        "pod_spec_config": k8s.V1PodSpec,
        "job_spec_config": k8s.V1JobSpec,
    }
    assert set(run_config) == set(models)
    return {
        "image_pull_policy": LAUNCHER["imagePullPolicy"],
        "env_secrets": [secret["name"] for secret in LAUNCHER["envSecrets"]],
        # What the chart adds itself.
        "service_account_name": "dagster",
        "instance_config_map": "dagster-instance",
        "dagster_home": "/opt/dagster",
        "run_k8s_config": {
            name: k8s_snake_case_dict(models[name], value) for name, value in run_config.items()
        },
    }


CLUSTER = [*yaml.safe_load_all((ROOT / "deploy/kubernetes/cluster.yaml").read_text())]
_MODELS = {
    "Service": k8s.V1Service,
    "Deployment": k8s.V1Deployment,
    "HorizontalPodAutoscaler": k8s.V2HorizontalPodAutoscaler,
    "NetworkPolicy": k8s.V1NetworkPolicy,
}


@pytest.mark.parametrize("number", range(len(CLUSTER)))
def test_objects_of_the_cluster_fit_the_models_of_kubernetes(number: int):
    assert _fits(_MODELS[CLUSTER[number]["kind"]], CLUSTER[number])


def test_the_cluster_has_the_code_and_limits_of_runs():
    deployments = {one["metadata"]["name"]: one for one in CLUSTER if one["kind"] == "Deployment"}
    pods = {name: one["spec"]["template"] for name, one in deployments.items()}
    (image,) = {pod["spec"]["containers"][0]["image"] for pod in pods.values()}
    assert image == "{repository}:{tag}".format(**CODE["image"])
    for name, one in deployments.items():
        assert one["spec"]["selector"]["matchLabels"] == pods[name]["metadata"]["labels"]
    (scheduler,) = pods["gauntlet-scheduler"]["spec"]["containers"]
    given = {one["name"]: one["value"] for one in scheduler["env"]}
    expected = build_environment({})
    of_schedulers = "DASK_DISTRIBUTED__SCHEDULER__"
    assert given == {name: expected[name] for name in expected if name.startswith(of_schedulers)}
    assert {"--protocol=tls", "--dashboard-address=127.0.0.1:0"} <= set(scheduler["command"])


ON_CLUSTER = yaml.safe_load((ROOT / "deploy/kubernetes/cluster-values.yaml").read_text())


def test_runs_reach_the_cluster_with_its_certificates():
    given = ON_CLUSTER["runLauncher"]["config"]["k8sRunLauncher"]
    # Helm replaces lists: those of values.yaml must not be among them.
    assert not set(given) & set(LAUNCHER)
    accepted = process_config(
        K8sRunLauncher.config_type(),
        _configure_launcher()
        | {
            "env_vars": given["envVars"],
            "volumes": [k8s_snake_case_dict(k8s.V1Volume, one) for one in given["volumes"]],
            "volume_mounts": [
                k8s_snake_case_dict(k8s.V1VolumeMount, one) for one in given["volumeMounts"]
            ],
        },
    )
    assert accepted.success, accepted.errors
    variables = dict(one.split("=", 1) for one in given["envVars"])
    by_kind = {one["kind"]: one for one in CLUSTER}
    (port,) = by_kind["Service"]["spec"]["ports"]
    (mount,), (volume,) = given["volumeMounts"], given["volumes"]
    assert variables == {
        CLUSTER_VARIABLE: f"tls://{by_kind['Service']['metadata']['name']}:{port['port']}",
        TLS: mount["mountPath"],
    }
    worker = by_kind["Deployment"]["spec"]["template"]["spec"]
    assert volume["secret"] in [one.get("secret") for one in worker["volumes"]]
    assert given["volumes"][0]["name"] == mount["name"]


def test_workers_scale_by_their_own_deployment():
    (scaler,) = [one for one in CLUSTER if one["kind"] == "HorizontalPodAutoscaler"]
    target = scaler["spec"]["scaleTargetRef"]
    (deployment,) = [
        one
        for one in CLUSTER
        if one["kind"] == target["kind"] and one["metadata"]["name"] == target["name"]
    ]
    # Who scales it must not be overruled, and utilization is that of a request.
    assert "replicas" not in deployment["spec"]
    (worker,) = deployment["spec"]["template"]["spec"]["containers"]
    assert worker["resources"]["requests"]["cpu"] == "1"
