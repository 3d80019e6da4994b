"""No file of deploy/ has a secret, and the image has the project."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
VALUES = yaml.safe_load((DEPLOY / "kubernetes/values.yaml").read_text())


def _committed() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "deploy"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return [ROOT / line for line in listed.stdout.splitlines()] or FILES


@pytest.mark.parametrize("path", _committed(), ids=lambda path: path.name)
def test_no_file_has_a_secret(path: Path):
    text = path.read_text()
    # A password in a URL, or a value for the name of a secret; `<password>` is a placeholder.
    assert not re.search(r"://[^\s/:@]+:(?!<password>)[^\s/@]+@", text)
    given = re.findall(
        r"(?i)^\s*\w*(?:password|secret_key|token)\w*[ \t]*[:=][ \t]*(\S+)", text, re.M
    )
    assert all(value.startswith("${") or value == "false" for value in given), given
    assert "PRIVATE KEY" not in text


def test_git_and_docker_ignore_secrets():
    for ignoring in (".gitignore", ".dockerignore"):
        lines = [line.rstrip("/") for line in (ROOT / ignoring).read_text().splitlines()]
        assert {"deploy/.env", "deploy/secrets"} <= set(lines), ignoring


def test_the_image_has_every_package_and_extra():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for package in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]:
        assert f"COPY {package} {package}\n" in DOCKERFILE
    (extras,) = re.findall(r'"\.\[([a-z0-9,]+)\]"', DOCKERFILE)
    assert set(extras.split(",")) <= set(project["project"]["optional-dependencies"])
    assert "postgres" in extras
    copied = re.findall(r"^COPY ((?!--)\S.*) \S+$", DOCKERFILE, re.MULTILINE)
    assert all((ROOT / name).exists() for line in copied for name in line.split())
    assert re.search(r"^USER gauntlet$", DOCKERFILE, re.MULTILINE)


def test_images_and_what_is_in_them_are_pinned_by_hash():
    compose = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())
    images = [service["image"] for service in compose["services"].values()]
    images = [image for image in images if not image.startswith("${GAUNTLET_IMAGE")]
    images += re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) == 5
    for image in images:
        assert re.fullmatch(r"[a-z]+:[\w.-]+@sha256:[0-9a-f]{64}", image), image
    # Of the two commands that install, one is pip's, for uv; builds have locked versions too.
    (by_pip,) = re.findall(r"^RUN pip install .*$", DOCKERFILE, re.MULTILINE)
    assert by_pip.endswith(" --require-hashes --requirement requirements-uv.lock")
    (by_uv,) = re.findall(r"uv pip install [^&]*?\n(?! )", DOCKERFILE)
    for option in ("--constraint", "--build-constraint"):
        assert f"{option} requirements-dev.lock" in by_uv


def test_every_webserver_is_the_guarded_one():
    replaced = r"exec python -m pipelines\.webserver .* \\\n\s+> \S+/\.venv/bin/dagster-webserver\n"
    assert re.search(replaced, DOCKERFILE)
    webserver = VALUES["dagsterWebserver"]
    assert [one["name"] for one in webserver["env"]] == ["GAUNTLET_UI_HOSTS"]
    # The guard refuses the address of the pod.
    (header,) = webserver["readinessProbe"]["httpGet"]["httpHeaders"]
    assert header == {"name": "Host", "value": webserver["env"][0]["value"]}
    services = yaml.safe_load((DEPLOY / "docker-compose.yaml").read_text())["services"]
    for name in ("webserver", "viewer"):
        assert services[name]["command"][:3] == ["python", "-m", "pipelines.webserver"]
        assert services[name]["environment"]["GAUNTLET_UI_HOSTS"] == "${GAUNTLET_UI_HOSTS:-*}"


def test_kubernetes_publishes_nothing_and_has_a_read_only_ui():
    assert VALUES["ingress"] == {"enabled": False}
    assert VALUES["dagsterWebserver"]["service"]["type"] == "ClusterIP"
    assert VALUES["dagsterWebserver"]["enableReadOnly"] is True


def test_kubernetes_runs_one_image_with_dagsters_database():
    (code,) = VALUES["dagster-user-deployments"]["deployments"]
    launcher = VALUES["runLauncher"]["config"]["k8sRunLauncher"]
    for part in (code, VALUES["dagsterWebserver"], VALUES["dagsterDaemon"]):
        assert part["image"] == code["image"]
        assert part["podSecurityContext"]["runAsNonRoot"] is True
    for part in (code, launcher, VALUES["dagsterWebserver"], VALUES["dagsterDaemon"]):
        assert {"name": "gauntlet-dagster"} in part["envSecrets"]
    # Runs are pods, and get the result store's URL with the code server's other variables.
    assert code["includeConfigInLaunchedRuns"] == {"enabled": True}
    assert {"name": "gauntlet-database"} in code["envSecrets"]


def test_every_kubernetes_mount_has_its_volume():
    (code,) = VALUES["dagster-user-deployments"]["deployments"]
    for part in (code, VALUES["dagsterWebserver"]):
        volumes = {volume["name"] for volume in part["volumes"]}
        assert {mount["name"] for mount in part["volumeMounts"]} == volumes
