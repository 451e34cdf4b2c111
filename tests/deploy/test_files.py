"""Image, compose file, units and settings agree with each other and with the product."""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from voxanne.cli.root import cli
from voxanne.cli.working import metrics_at
from voxanne.config import Settings, variable_name
from voxanne.outbox.metrics import WorkerMetrics

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SERVING = ("api-a", "api-b", "worker-a", "worker-b")
OWNERS = {"migrate", "operator"}
ENDING = {*OWNERS, "backup"}  # they end by themselves
EXPOSURE_MAX = 1.5  # of ten, as systemd-analyze rates it
# What isn't ours to read: the recipes', the images', uvicorn's.
OTHERS_VARIABLES = {
    "BACKUP_KEEP_DAYS",
    "FORWARDED_ALLOW_IPS",
    "PGDATABASE",
    "PGHOST",
    "PGPASSWORD",
    "PGUSER",
    "POSTGRES_PASSWORD",
    "VOXANNE_APP_PASSWORD",
    "VOXANNE_BACKUP_PASSWORD",
    "VOXANNE_OWNER_PASSWORD",
    "VOXANNE_SITE",
    "VOXANNE_UPSTREAMS",
}

Service = dict[str, Any]


@pytest.fixture(scope="module")
def services() -> dict[str, Service]:
    found: dict[str, Service] = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    return found


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def assert_is_a_command(words: list[str]) -> None:
    """Arguments of `voxanne` that its own command line understands."""
    context, command = click.Context(cli), cli.get_command(click.Context(cli), words[0])
    if isinstance(command, click.Group):
        command = command.get_command(context, words[1])
    assert command is not None, words
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options, words


def test_every_command_exists(services: dict[str, Service], dockerfile: str) -> None:
    commands = [s["command"] for s in services.values() if s["image"].startswith("voxanne:")]
    assert len(commands) == 6
    (default,) = re.findall(r"^CMD \[(.*)\]$", dockerfile, re.M)
    commands.append([word.strip(' "') for word in default.split(",")])
    for unit in UNITS:
        (line,) = re.findall(r"^ExecStart=(.*)$", unit.read_text(), re.M)
        program, *words = line.split()
        if program == "/opt/voxanne/bin/voxanne":
            commands.append(words)
        else:
            assert (ROOT / program.removeprefix("/opt/voxanne/")).stat().st_mode & 0o111, program
    for words in commands:
        assert_is_a_command(words)


def test_every_variable_is_a_setting() -> None:
    known = {variable_name(field) for field in Settings.model_fields} | OTHERS_VARIABLES
    files = sorted((DEPLOY / "env").glob("*.example"))
    assert len(files) == 5
    for file in files:
        named = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", file.read_text(), re.M))
        assert named - known == set(), file.name
    for variable in re.findall(r"\b(VOXANNE_[A-Z_]+)=", (ROOT / "Dockerfile").read_text()):
        assert variable in known


def test_every_service_has_a_health_check(services: dict[str, Service], dockerfile: str) -> None:
    for name, service in services.items():
        check = service["healthcheck"]
        assert check == {"disable": True} if name in ENDING else check["test"][0] == "CMD", name
    assert re.search(r"^HEALTHCHECK .*", dockerfile, re.M)


@pytest.mark.parametrize(("seconds", "code"), [(None, 1), (130, 1), (110, 0)])
def test_a_worker_that_is_stuck_is_not_healthy(
    services: dict[str, Service], seconds: float | None, code: int
) -> None:
    """Its metrics are still served. `seconds`: since it measured the queue; None: it never did."""
    metrics = WorkerMetrics()
    if seconds is not None:
        metrics.queue_measured.set(time.time() - seconds)
    *_, program = services["worker-a"]["healthcheck"]["test"]
    with metrics_at("127.0.0.1", 0, metrics) as port:
        asked = program.replace(":9464/", f":{port}/")
        said = subprocess.run([sys.executable, "-c", asked], capture_output=True, check=False)
    assert (said.returncode, said.stderr) == (code, b"")


def test_everybody_is_confined(services: dict[str, Service]) -> None:
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert {"mem_limit", "pids_limit", "restart"} <= service.keys(), name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name
        assert "privileged" not in service, name
    published = {name for name, service in services.items() if "ports" in service}
    assert published == {"proxy"}


def test_the_owners_login_is_for_migrations_and_operators_alone(
    services: dict[str, Service],
) -> None:
    holders = {n for n, s in services.items() if "deploy/env/owner.env" in s["env_file"]}
    assert holders == OWNERS
    units = {unit.name for unit in UNITS if "owner.env" in unit.read_text()}
    assert units == {"voxanne-migrate.service"}
    # Whoever is the same user reads it in /proc/PID/environ while it runs.
    unit = (DEPLOY / "systemd" / "voxanne-migrate.service").read_text()
    assert "\nDynamicUser=yes\n" in unit
    # A directory that it shares would become its own: systemd gives it to the new user.
    assert not re.search(r"^(User|Group|StateDirectory)=", unit, re.M)
    shared = (DEPLOY / "env" / "voxanne.env.example").read_text()
    assert set(re.findall(r"postgresql://(\w+):", shared)) == {"voxanne_app"}


def test_processes_wait_for_the_schema(services: dict[str, Service]) -> None:
    for name in SERVING:
        waits = services[name]["depends_on"]
        assert waits["migrate"] == {"condition": "service_completed_successfully"}
        assert waits["database"] == {"condition": "service_healthy"}


def test_ports_agree(services: dict[str, Service], dockerfile: str) -> None:
    proxy = (DEPLOY / "env" / "proxy.env.example").read_text()
    (upstreams,) = re.findall(r"^VOXANNE_UPSTREAMS=(.*)$", proxy, re.M)
    assert upstreams.split() == ["api-a:3001", "api-b:3001"]
    for name in upstreams.replace(":3001", "").split():
        assert services[name]["command"][-1] == "3001"
        assert ":3001/readyz" in services[name]["healthcheck"]["test"][-1]
    for name in ("worker-a", "worker-b"):
        port = services[name]["command"][services[name]["command"].index("--metrics-port") + 1]
        assert f":{port}/metrics" in services[name]["healthcheck"]["test"][-1]
        assert "$" not in services[name]["healthcheck"]["test"][-1], "compose would fill it in"
    assert "EXPOSE 3001" in dockerfile
    assert ":3001/readyz" in dockerfile


def test_mounted_files_exist(services: dict[str, Service]) -> None:
    volumes = yaml.safe_load((ROOT / "compose.yaml").read_text())["volumes"]
    for service in services.values():
        for mount in service.get("volumes", []):
            source = mount.removeprefix("${BACKUP_DIR:-").partition(":")[0]
            known = source in volumes or source == "/var/backups/voxanne}"
            assert known or (ROOT / source).exists(), mount
        for file in service.get("env_file", []):
            assert (ROOT / f"{file}.example").exists()


def test_the_proxy_asks_who_is_alive_and_not_who_is_ready() -> None:
    """While the database is away each call is still answered with a sentence."""
    caddyfile = (DEPLOY / "caddy" / "Caddyfile").read_text()
    assert "health_uri /healthz" in caddyfile
    assert "health_uri /readyz" not in caddyfile


def test_both_addresses_in_the_proxys_log_lack_their_ends() -> None:
    """From Caddy 2.7 on there is `client_ip` too; the one that test_caddy.py runs hasn't it yet."""
    caddyfile = (DEPLOY / "caddy" / "Caddyfile").read_text()
    logs = caddyfile.count("format filter {")
    for name in ("remote_ip", "client_ip"):
        assert caddyfile.count(f"request>{name} ip_mask {{") == logs > 0


def test_the_image_holds_no_more_than_it_runs(dockerfile: str) -> None:
    build, final = dockerfile.split("\nFROM ")[1:]
    assert "--constraint constraints.txt" in build
    assert "pip" not in final
    assert "USER 10001:10001" in final
    bases = re.findall(r"^FROM (\S+)", dockerfile, re.M)
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases[0])
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    assert next(line for line in kept if line and line[0] not in "#!") == "*"


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze isn't here")
def test_units_are_understood_and_confined(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copies = []
    for unit in [*UNITS, DEPLOY / "systemd" / "voxanne-backup.timer"]:
        copy = tmp_path / unit.name
        copy.write_text(
            re.sub(r"^ExecStart=\S+", f"ExecStart={program}", unit.read_text(), flags=re.M)
        )
        copies.append(copy)
    verified = analyze("verify", "--man=no", *copies)
    assert (verified.returncode, verified.stderr) == (0, "")
    for copy in copies[:-1]:
        rated = analyze("security", "--offline=true", copy).stdout
        (exposure,) = re.findall(r"exposure level for .*: ([\d.]+)", rated)
        assert float(exposure) <= EXPOSURE_MAX, copy.name


def analyze(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *map(str, arguments)], capture_output=True, text=True, check=False
    )


def test_image_and_recipes_are_linted() -> None:
    """By the linters that the tests' tools install."""
    programs = Path(sys.executable).parent
    scripts = sorted(DEPLOY.rglob("*.sh"))
    assert len(scripts) >= 6
    for linter, files in (("hadolint", [ROOT / "Dockerfile"]), ("shellcheck", scripts)):
        said = subprocess.run(
            [programs / linter, *files], capture_output=True, text=True, check=False
        )
        assert (said.returncode, said.stdout) == (0, ""), said.stdout
