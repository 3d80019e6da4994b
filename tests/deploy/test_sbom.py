"""The bill of materials has what is installed, as it reports itself."""

import re
from pathlib import Path

import psycopg
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.write_sbom import build_bill

ROOT = Path(__file__).resolve().parents[2]


def test_the_bill_has_every_locked_package_and_postgresql(server: str):
    bill = build_bill()
    parts = {(canonicalize_name(one["name"]), one["version"]) for one in bill["components"]}
    lock = (ROOT / "requirements.lock").read_text()
    pins = map(Requirement, re.findall(r"^([a-z0-9-]+==[^\\\n]+)", lock, re.MULTILINE))
    wanted = {
        (pin.name, str(pin.specifier).removeprefix("=="))
        for pin in pins
        if not pin.marker or pin.marker.evaluate()
    }
    assert len(wanted) > 90
    assert wanted <= parts
    others = {name for name, _ in parts - wanted}
    assert others == {"postgresql", "readline", "ncurses-libs"}
    with psycopg.connect(server.replace("+psycopg", "")) as connection:
        version = str(connection.info.parameter_status("server_version"))
    (postgres,) = [one for one in bill["components"] if one["version"] == version]
    assert postgres["cpe"] == f"cpe:2.3:a:postgresql:postgresql:{version}:*:*:*:*:*:*:*"
    licences = {one["name"]: one["licenses"] for one in bill["components"] if "licenses" in one}
    assert "LGPL-3.0-only" in str(licences["psycopg"])
    assert len(licences) > 90
