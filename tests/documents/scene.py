"""A prepared deployment that the pages' commands are typed at. No test in here.

One database is prepared: the clinic of the pages, with a diary. Every page that is run gets a copy
of it and a directory of its own, so that pages can be run alone and in any order; the API and a
worker run for those that ask it something.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import yaml
from cryptography.fernet import Fernet

from tests.database import Server
from tests.documents.fork_server import write_client
from tests.documents.pages import ROOT, Block
from tests.documents.substitutions import as_run, move_days
from tests.fakes.radicale_server import PASSWORD, open_desk, radicale_server
from tests.fakes.vapi_api import KEY as VAPI_KEY
from tests.fakes.vapi_api import FakeVapi
from tests.integration.tokens import JWT_SECRET

CLINIC = "Harbor Dental"
CLINIC_ID = "d0000000-0000-4000-8000-000000000001"
# What the pages name in examples, as if it had been there before.
SAMPLE_ID = "7c0b7a52-4d0f-4c3e-9a57-1f1f5a1b2c3d"
SECONDS_MAX = 60
COMMANDS_SECONDS_MAX = 30
STATE = ".state"  # what a page's block leaves to the next: exported variables and the directory
# Names of the project's folders and files that pages use from its root.
LINKS = ("docs", "tests", "deploy", "examples", "constraints.txt", "pyproject.toml", "Makefile")
MAKE = """#!/bin/sh
# Every target must exist; none is made.
exec {make} --no-print-directory -n -C {root} "$@" > /dev/null
"""
PYTEST = """#!/bin/sh
# Every path must exist; none is run: this suite runs them.
for argument; do
  case $argument in tests*)
    [ -e "{root}/${{argument%%::*}}" ] || {{ echo "no $argument"; exit 4; }};;
  esac
done
"""


@dataclass(frozen=True)
class Outcome:
    """What a block printed, standard error among it, and its exit code."""

    code: int
    said: str


class Scene:
    """The prepared database and the commands; `page()` opens a copy for one page."""

    def __init__(self, server: Server, folder: Path, vapi: FakeVapi) -> None:
        self._server = server
        self._folder = folder
        self._vapi = vapi
        self._bin = folder / "bin"
        self._template = f"documents_{uuid4().hex[:12]}"
        self._secret = Fernet.generate_key().decode()
        self.keys: dict[str, str] = {}

    @contextlib.contextmanager
    def prepared(self) -> Iterator["Scene"]:
        self._bin.mkdir(parents=True)
        path = self._folder / "commands"
        with _commands(path):
            for program in ("voxanne", "parsed"):
                write_client(self._bin, program, path)
            self._write_stand_ins()
            self._create(self._template, "voxanne_template")
            try:
                with self._page(self._template, self._folder / "seed") as page:
                    self._seed(page)
                yield self
            finally:
                self._drop(self._template)

    @contextlib.contextmanager
    def page(self, *, is_served: bool, has_caldav: bool) -> Iterator["Desk"]:
        name = f"page_{uuid4().hex[:12]}"
        self._create(name, self._template)
        try:
            with contextlib.ExitStack() as stack:
                desk = stack.enter_context(self._page(name, self._folder / name))
                if has_caldav:
                    stack.enter_context(desk.caldav())
                if is_served:
                    stack.enter_context(desk.serving())
                yield desk
        finally:
            self._drop(name)

    @contextlib.contextmanager
    def _page(self, database: str, home: Path) -> Iterator["Desk"]:
        home.mkdir()
        for name in LINKS:
            if (ROOT / name).exists():
                (home / name).symlink_to(ROOT / name)
        for path in (Path(__file__).parent / "files").iterdir():
            text = move_days(path.read_text(), datetime.now(UTC).date())
            (home / path.name).write_text(text)
        (home / ".venv").mkdir()
        (home / ".venv" / "bin").symlink_to(self._bin)
        desk = Desk(home, self._environment(database, home))
        try:
            yield desk
        finally:
            desk.end()

    def _environment(self, database: str, home: Path) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL", "TZ") if name in os.environ}
        path = [str(self._bin), str(self._server.postgres.bin_dir), os.environ["PATH"]]
        port = _free_port()
        return {
            **kept,
            "PATH": os.pathsep.join(path),
            "HOME": str(home),
            "TMPDIR": str(home),
            "EDITOR": "true",
            "DATABASE_URL": self._server.postgres.url(database),
            "VOXANNE_DATA_DIR": str(home / "data"),
            "VOXANNE_ENCRYPTION_KEYS": self._secret,
            "VOXANNE_PORT": str(port),
            "VOXANNE_JWT_SECRET": JWT_SECRET,
            "VOXANNE_VAPI_API_URL": self._vapi.url,
            "VOXANNE_VAPI_API_KEY": VAPI_KEY,
            "VOXANNE_GOOGLE_CLIENT_ID": "client.apps.example",
            "VOXANNE_GOOGLE_CLIENT_SECRET": "secret-of-the-client",
            "VOXANNE_WORKER_LEASE_SECONDS": "10",
            "URL": f"http://127.0.0.1:{port}",
            "WORKER_URL": f"http://127.0.0.1:{port}",
            "ORG": CLINIC,
            "VOXANNE_URL": f"http://127.0.0.1:{port}",
            "CLINIC_KEY": self.keys.get("KEY", ""),
            "ORG_ID": CLINIC_ID,
            "JWT_SECRET": JWT_SECRET,
            "APP_PASSWORD": PASSWORD,
            "TOKEN": "token-of-the-account-at-the-vendor",
            "SECRET": "secret-of-the-clinic-0123456789",
            **self.keys,
        }

    def _write_stand_ins(self) -> None:
        make = shutil.which("make") or "make"
        python = f'#!/bin/sh\nexec {sys.executable} "$@"\n'  # a link would lead out of its .venv
        texts = {
            "make": MAKE.format(make=make, root=ROOT),
            "pytest": PYTEST.format(root=ROOT),
            "python": python,
            "python3": python,
        }
        for name, text in texts.items():
            (self._bin / name).write_text(text)
            (self._bin / name).chmod(0o755)

    def _seed(self, desk: "Desk") -> None:
        """The demo's clinic, open on every weekday of the year, with keys of each kind, an owner,
        one patient with an appointment, and the things that pages name by id."""
        document = yaml.safe_load((ROOT / "docs/examples/harbor-dental.yaml").read_text())
        document |= {"holidays": "none", "exceptions": {}}
        document["rules"]["horizon"] = "365 days"
        for one in document["practitioners"]:
            one.pop("absences", None)
        (desk.home / "clinic.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
        made = desk.run(f'voxanne org create "{CLINIC}" --country GB --id {CLINIC_ID} --json')
        self.keys = {"KEY": json.loads(made.said)["api_key"]}
        commands = [f'voxanne org apply "{CLINIC}" clinic.yaml']
        for scope in ("staff", "admin", "read_only"):
            commands.append(f'voxanne org key "{CLINIC}" --scope {scope} --json > {scope}.json')
        commands.append(f'voxanne staff add "{CLINIC}" robin@harbor.example --role owner')
        commands.append(
            f'voxanne webhook add "{CLINIC}" https://clinic.example/hook --type appointment.booked'
        )
        commands.append(f"voxanne psql -q -v ON_ERROR_STOP=1 -f {Path(__file__).parent}/seed.sql")
        done = desk.run("\n".join(commands))
        assert done.code == 0, done.said
        for scope in ("staff", "admin", "read_only"):
            key = json.loads((desk.home / f"{scope}.json").read_text())["api_key"]
            self.keys[f"{scope.upper()}_KEY"] = key

    def _create(self, name: str, template: str) -> None:
        self._administer(
            f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy OWNER voxanne"
        )

    def _drop(self, name: str) -> None:
        self._administer(f"DROP DATABASE {name} WITH (FORCE)")

    def _administer(self, statement: str) -> None:
        psql = self._server.postgres.bin_dir / "psql"
        subprocess.run(
            [str(psql), self._server.postgres.superuser_url, "-qc", statement], check=True
        )


class Desk:
    """Where a page's commands are typed: a directory, a database, what the last block left."""

    def __init__(self, home: Path, environment: dict[str, str]) -> None:
        self.home = home
        self.environment = environment
        self._groups: list[int] = []

    def run_block(self, block: Block) -> Outcome:
        text = as_run(block, datetime.now(UTC).date())
        if block.language == "sql":
            return self.run("voxanne psql -X -A -t -v ON_ERROR_STOP=1 -f -", stdin=text)
        if block.language == "python":
            return self.run("python -", stdin=text)
        return self.run(text)

    def run(self, script: str, *, stdin: str = "") -> Outcome:
        """As a shell would, ending at the first command that fails."""
        state = self.home / STATE
        before = f'[ ! -e "{state}" ] || . "{state}"\n'
        left = 'export -p | grep -v "^declare -[a-z]*r"; printf "cd %q\\n" "$PWD"'
        after = f'\n{{ {left}; }} > "{state}"'
        with tempfile.TemporaryFile("w+") as output:
            shell = subprocess.Popen(
                ["bash", "-aeo", "pipefail", "-c", before + script + after],
                cwd=self.home,
                env=self.environment,
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            self._groups.append(shell.pid)
            try:
                shell.communicate(stdin, timeout=SECONDS_MAX)
            except subprocess.TimeoutExpired:
                self.end()
                shell.wait()
            output.seek(0)
            return Outcome(shell.returncode, output.read())

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """The API and a worker, in one process."""
        log = (self.home / "serve.log").open("w")
        command = [str(self.home / ".venv/bin/voxanne"), "serve", "--with-worker"]
        environment = {**self.environment, "VOXANNE_PUBLIC_URL": self.environment["URL"]}
        with (
            log,
            subprocess.Popen(
                command, cwd=self.home, env=environment, stdout=log, stderr=log
            ) as process,
        ):
            try:
                _wait_for(int(self.environment["VOXANNE_PORT"]), process, Path(log.name))
                yield
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(SECONDS_MAX)

    @contextlib.contextmanager
    def caldav(self) -> Iterator[None]:
        folder = self.home / "radicale"
        folder.mkdir()
        with radicale_server(folder) as address, open_desk(address, "practice"):
            self.environment["CALDAV"] = address
            yield

    def end(self) -> None:
        """Stop whatever a page left running."""
        for group in self._groups:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGTERM)
        self._groups.clear()


@contextlib.contextmanager
def _commands(path: Path) -> Iterator[None]:
    """The process that runs `voxanne` for everybody, while it lasts."""
    command = [sys.executable, "-m", "tests.documents.fork_server", str(path)]
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("VOXANNE", "PG", "DATABASE"))}
    with subprocess.Popen(command, cwd=ROOT, env=kept, stdout=subprocess.DEVNULL) as process:
        try:
            give_up = time.monotonic() + COMMANDS_SECONDS_MAX
            while not path.exists():
                assert process.poll() is None, "the product can't be imported"
                assert time.monotonic() < give_up
                time.sleep(0.02)
            yield
        finally:
            process.kill()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    give_up = time.monotonic() + SECONDS_MAX
    while time.monotonic() < give_up and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            if "Serving on" in log.read_text():
                return
        time.sleep(0.02)
    raise AssertionError(log.read_text())
