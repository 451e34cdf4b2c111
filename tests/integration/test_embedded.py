"""The embedded server: real processes, real kills. Only processes started here are ended."""

import asyncio
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import asyncpg
import pytest

import voxanne
from voxanne.postgres.embedded import DURABLE_SETTINGS, EmbeddedPostgres, EmbeddedPostgresError
from voxanne.postgres.watchdog import open_lock, postmaster_pid, try_lock

FAST_SETTINGS = {**DURABLE_SETTINGS, "fsync": "off", "shared_buffers": "16MB"}
DEBIAN_BIN_DIR = Path("/usr/lib/postgresql/15/bin")
PROJECT = Path(voxanne.__file__).parents[1]

# Uses the server until a line arrives on standard input, then leaves.
USER_PROGRAM = """
import sys
from pathlib import Path
from voxanne.postgres.embedded import DURABLE_SETTINGS, EmbeddedPostgres
settings = {**DURABLE_SETTINGS, "fsync": "off", "shared_buffers": "16MB"}
pg = EmbeddedPostgres(Path(sys.argv[1]), settings=settings, start_seconds_max=30)
pg.start()
print("using", flush=True)
sys.stdin.readline()
pg.stop()
print("left", flush=True)
"""

# Comes and goes, and asks something each time.
VISITOR_PROGRAM = """
import subprocess, sys
from pathlib import Path
from voxanne.postgres.embedded import DURABLE_SETTINGS, EmbeddedPostgres
settings = {**DURABLE_SETTINGS, "fsync": "off", "shared_buffers": "16MB"}
for visit in range(int(sys.argv[2])):
    with EmbeddedPostgres(Path(sys.argv[1]), settings=settings) as pg:
        command = [str(pg.bin_dir / "psql"), "-Xqc", "INSERT INTO visit DEFAULT VALUES", pg.url()]
        subprocess.run(command, check=True)
"""

FORKING_PROGRAM = """
import os, subprocess, sys
from pathlib import Path
from voxanne.postgres.embedded import DURABLE_SETTINGS, EmbeddedPostgres
settings = {**DURABLE_SETTINGS, "fsync": "off", "shared_buffers": "16MB"}
with EmbeddedPostgres(Path(sys.argv[1]), settings=settings) as pg:
    child = os.fork()
    if child == 0:
        pg.stop()
        os._exit(0)
    os.waitpid(child, 0)
    subprocess.run([str(pg.bin_dir / "psql"), "-XAtqc", "SELECT 42", pg.url()], check=True)
"""


class UserProcess:
    """Another process that uses the server in a directory."""

    def __init__(self, data_dir: Path, *prefix: str) -> None:
        command = [*prefix, sys.executable, "-c", USER_PROGRAM, str(data_dir)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, text=True, cwd=PROJECT, start_new_session=True
        )

    def read_line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.read_line() == "left"
        assert self.process.wait(10) == 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """Shorter than pytest's own: what is tested holds for sockets whose paths fit."""
    directory = Path(tempfile.mkdtemp(prefix="vx-"))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "data"
    yield path
    wait_until(lambda: is_stopped(path), "a server outlived its test")
    wait_until(lambda: not has_watchdog(path), "a watchdog outlived its test")


@pytest.fixture
def pg(data_dir: Path) -> Iterator[EmbeddedPostgres]:
    postgres = EmbeddedPostgres(data_dir, settings=FAST_SETTINGS, start_seconds_max=30)
    yield postgres
    postgres.stop()


@pytest.fixture
def other(data_dir: Path) -> Iterator[Callable[..., UserProcess]]:
    users: list[UserProcess] = []

    def start(*prefix: str) -> UserProcess:
        users.append(UserProcess(data_dir, *prefix))
        return users[-1]

    yield start
    for user in users:
        user.kill()


def ask(pg: EmbeddedPostgres, sql: str, *, superuser: bool = False) -> Any:
    async def run() -> Any:
        connection = await asyncpg.connect(pg.superuser_url if superuser else pg.url())
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(run())


def server_pid(data_dir: Path) -> int:
    pid = postmaster_pid(data_dir)
    assert pid is not None
    return pid


def is_free(lock: Path) -> bool:
    if not lock.exists():
        return True
    descriptor = open_lock(lock)
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


def is_stopped(data_dir: Path) -> bool:
    """Nothing of the server is left. Wait for it: a watchdog that looks holds the lock briefly."""
    return postmaster_pid(data_dir) is None and is_free(data_dir / "server.lock")


def has_watchdog(data_dir: Path) -> bool:
    return bool(watchdog_pids(data_dir))


def watchdog_pids(data_dir: Path) -> list[int]:
    pids = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            arguments = (process / "cmdline").read_bytes().split(b"\0")
            if any(a.endswith(b"watchdog.py") for a in arguments):
                pids += [int(process.name)] if os.fsencode(data_dir) in arguments else []
    return pids


def wait_until(true: Callable[[], bool], complaint: str, seconds_max: float = 10.0) -> None:
    deadline = time.monotonic() + seconds_max
    while not true():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.02)


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def kill_everything(user: UserProcess, data_dir: Path) -> None:
    """What the power switch does: watchdog first, so that nothing is stopped in order."""
    postmaster = server_pid(data_dir)
    backends = children_of(postmaster)
    for pid in [*watchdog_pids(data_dir), postmaster, *backends]:
        kill(pid)
    user.kill()
    wait_until(lambda: is_stopped(data_dir), "the server survived its killing")


def test_first_start_answers_asyncpg_and_psql(pg: EmbeddedPostgres, data_dir: Path) -> None:
    said: list[str] = []
    pg._progress = said.append
    pg.start()
    assert said == [
        "Creating the database (first time only)…",
        "Starting PostgreSQL…",
        "PostgreSQL is ready",
    ]
    assert ask(pg, "SELECT current_user || current_database()") == "voxannevoxanne"
    psql = [str(pg.bin_dir / "psql"), "-XAtqc", "SHOW server_version_num", pg.superuser_url]
    assert int(subprocess.run(psql, capture_output=True, check=True).stdout) >= 180000
    assert ask(pg, "SHOW listen_addresses") == ""
    assert ask(pg, "SHOW server_encoding") == "UTF8"
    assert ask(pg, "SELECT upper('ä')") == "Ä"
    assert ask(pg, "SHOW TimeZone") == "UTC"
    assert stat.S_IMODE((data_dir / "socket").stat().st_mode) == 0o700
    assert stat.S_IMODE((data_dir / "postgres").stat().st_mode) == 0o700


async def test_start_works_where_a_loop_runs_and_twice(pg: EmbeddedPostgres) -> None:
    pg.start()
    pg.start()
    connection = await asyncpg.connect(pg.url())
    assert await connection.fetchval("SELECT 1") == 1
    await connection.close()


def test_owner_is_no_superuser(pg: EmbeddedPostgres) -> None:
    pg.start()
    role = "FROM pg_roles WHERE rolname = 'voxanne'"
    assert ask(pg, f"SELECT rolsuper OR rolreplication OR rolbypassrls {role}") is False
    assert ask(pg, f"SELECT rolcanlogin AND rolcreaterole {role}") is True
    owner = "SELECT datdba::regrole::text FROM pg_database WHERE datname = 'voxanne'"
    assert ask(pg, owner) == "voxanne"


def test_restart_keeps_data(pg: EmbeddedPostgres, data_dir: Path) -> None:
    pg.start()
    ask(pg, "CREATE TABLE kept AS SELECT 7 AS number")
    pg.stop()
    assert postmaster_pid(data_dir) is None
    pg.start()
    assert ask(pg, "SELECT number FROM kept") == 7


def test_missing_database_is_repaired(pg: EmbeddedPostgres) -> None:
    pg.start()
    ask(pg, "DROP DATABASE voxanne", superuser=True)
    pg.stop()
    pg.start()
    assert ask(pg, "SELECT 1") == 1


def test_start_after_the_server_died_under_us(pg: EmbeddedPostgres, data_dir: Path) -> None:
    pg.start()
    kill(server_pid(data_dir))
    pg.start()
    assert ask(pg, "SELECT 1") == 1


def test_first_user_leaves_and_the_second_goes_on(
    pg: EmbeddedPostgres, data_dir: Path, other: Callable[..., UserProcess]
) -> None:
    first = other()
    assert first.read_line() == "using"
    pid = server_pid(data_dir)
    pg.start()
    first.leave()
    assert server_pid(data_dir) == pid
    assert ask(pg, "SELECT 1") == 1
    wait_until(lambda: len(watchdog_pids(data_dir)) == 1, "watchdogs pile up", seconds_max=2)
    pg.stop()
    assert postmaster_pid(data_dir) is None, "the last user returns when the server is gone"
    wait_until(lambda: not has_watchdog(data_dir), "the watchdog stayed", seconds_max=2)


def test_killed_user_is_tidied_up_after(data_dir: Path, other: Callable[..., UserProcess]) -> None:
    user = other()
    assert user.read_line() == "using"
    assert not is_stopped(data_dir)
    user.kill()
    wait_until(lambda: is_stopped(data_dir), "the watchdog did not stop the server")
    assert "fast shutdown" in (data_dir / "postgres.log").read_text()


def test_killed_user_leaves_the_server_to_the_others(
    pg: EmbeddedPostgres, other: Callable[..., UserProcess]
) -> None:
    user = other()
    assert user.read_line() == "using"
    pg.start()
    user.kill()
    time.sleep(0.5)
    assert ask(pg, "SELECT 1") == 1


def test_everything_killed_recovers(
    pg: EmbeddedPostgres, data_dir: Path, other: Callable[..., UserProcess]
) -> None:
    user = other()
    assert user.read_line() == "using"
    pg.start()
    ask(pg, "CREATE TABLE kept AS SELECT 7 AS number")
    # As a power cut would: without a goodbye, in this process too.
    assert pg._users_lock is not None
    users_lock, pg._users_lock = pg._users_lock, None
    kill_everything(user, data_dir)
    os.close(users_lock)
    assert (data_dir / "postgres" / "postmaster.pid").exists()
    pg.start()
    assert ask(pg, "SELECT number FROM kept") == 7
    assert "not properly shut down" in (data_dir / "postgres.log").read_text()


async def test_start_waits_until_a_dead_postmasters_backends_are_gone(
    pg: EmbeddedPostgres, data_dir: Path
) -> None:
    pg.start()
    connection = await asyncpg.connect(pg.url())
    backend = connection.get_server_pid()
    os.kill(backend, signal.SIGSTOP)
    kill(server_pid(data_dir))
    wait_until(lambda: postmaster_pid(data_dir) is None, "the postmaster survived")
    timer = threading.Timer(1.5, os.kill, (backend, signal.SIGCONT))
    began = time.monotonic()
    timer.start()
    pg.start()
    timer.join()
    assert time.monotonic() - began > 1.4
    connection.terminate()
    assert "still in use" not in (data_dir / "postgres.log").read_text()


def test_stale_pid_of_a_living_process_is_not_believed(
    pg: EmbeddedPostgres, data_dir: Path
) -> None:
    pg.start()
    pg.stop()
    owner = (data_dir / "postgres").stat().st_uid
    as_owner: dict[str, Any] = {"user": owner} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], **as_owner) as bystander:
        pid_file = data_dir / "postgres" / "postmaster.pid"
        pid_file.write_text(f"{bystander.pid}\n{data_dir}/postgres\n1\n5432\n/nowhere\n\n")
        (data_dir / "socket" / ".s.PGSQL.5432.lock").write_text(pid_file.read_text())
        pg.start()
        assert ask(pg, "SELECT 1") == 1
        assert server_pid(data_dir) != bystander.pid
        pg.stop()
        assert bystander.poll() is None, "the bystander was harmed"
        bystander.kill()


def test_watchdog_spares_a_stranger(data_dir: Path, other: Callable[..., UserProcess]) -> None:
    user = other()
    assert user.read_line() == "using"
    server = server_pid(data_dir)
    with subprocess.Popen(["sleep", "60"]) as bystander:
        os.kill(server, signal.SIGQUIT)
        wait_until(lambda: is_stopped(data_dir), "the server did not stop")
        (data_dir / "postgres" / "postmaster.pid").write_text(f"{bystander.pid}\n")
        user.kill()
        wait_until(lambda: not has_watchdog(data_dir), "the watchdog stayed")
        assert bystander.poll() is None, "the bystander was harmed"
        bystander.kill()


def test_half_made_database_is_ignored(pg: EmbeddedPostgres, data_dir: Path) -> None:
    half_made = data_dir / "postgres.new-killed" / "base"
    half_made.mkdir(parents=True)
    (half_made.parent / "PG_VERSION").write_text("18\n")
    pg.start()
    assert ask(pg, "SELECT 1") == 1
    assert not half_made.parent.exists()


def test_killed_in_the_middle_of_creating(
    pg: EmbeddedPostgres, data_dir: Path, other: Callable[..., UserProcess]
) -> None:
    user = other()
    wait_until(lambda: any(data_dir.glob("postgres*/base/1")), "nothing is being created")
    initdb = [pid for pid in children_of(user.process.pid) if pid not in watchdog_pids(data_dir)]
    user.process.kill()
    for pid in initdb:
        kill(pid)
    user.process.wait()
    assert not (data_dir / "postgres").exists()
    pg.start()
    assert ask(pg, "SELECT 1") == 1
    assert not list(data_dir.glob("postgres.new-*"))


@pytest.mark.parametrize("name", ["deep" * 30, "a, b", "\"q' %2F+ü$x"])
def test_inconvenient_path(tmp_path: Path, name: str) -> None:
    data_dir = tmp_path / name
    with EmbeddedPostgres(data_dir, settings=FAST_SETTINGS) as pg:
        assert ask(pg, "SELECT 1") == 1
        assert stat.S_IMODE(pg._socket_dir.stat().st_mode) == 0o700
        if len(name) > 107:
            owner = (data_dir / "postgres").stat().st_uid
            assert pg._socket_dir.parent == Path(tempfile.gettempdir())
            assert pg._socket_dir.name.startswith(f"voxanne-{owner}-")
    if data_dir not in pg._socket_dir.parents:
        pg._socket_dir.rmdir()


def test_socket_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make another user's directory")
    data_dir = tmp_path / "data"
    (data_dir / "socket").mkdir(parents=True)
    os.chown(data_dir / "socket", 4321, 4321)
    with pytest.raises(EmbeddedPostgresError, match="belongs to another user"):
        EmbeddedPostgres(data_dir, settings=FAST_SETTINGS).start()


def test_processes_that_start_at_once_share_one_server(
    pg: EmbeddedPostgres, data_dir: Path, other: Callable[..., UserProcess]
) -> None:
    users = [other() for _ in range(4)]
    assert [user.read_line() for user in users] == ["using"] * 4
    pg.start()
    assert ask(pg, "SELECT 1") == 1
    log = (data_dir / "postgres.log").read_text()
    assert log.count("starting PostgreSQL") == 1
    wait_until(lambda: len(watchdog_pids(data_dir)) == 1, "watchdogs pile up", seconds_max=2)


def test_coming_and_going_never_meets_a_stopped_server(
    pg: EmbeddedPostgres, data_dir: Path
) -> None:
    with pg:
        ask(pg, "CREATE TABLE visit (id bigint GENERATED ALWAYS AS IDENTITY)")
    command = [sys.executable, "-c", VISITOR_PROGRAM, str(data_dir), "8"]
    visitors = [subprocess.Popen(command, cwd=PROJECT) for _ in range(5)]
    assert [visitor.wait(60) for visitor in visitors] == [0] * 5
    assert postmaster_pid(data_dir) is None, "the last leaver stopped it"
    with pg:
        assert ask(pg, "SELECT count(*) FROM visit") == 40


def test_forked_child_does_not_stop_its_parents_server(data_dir: Path) -> None:
    command = [sys.executable, "-c", FORKING_PROGRAM, str(data_dir)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout == "42\n"


def test_clients_mistakes_do_not_reach_the_log(pg: EmbeddedPostgres, data_dir: Path) -> None:
    pg.start()
    ask(pg, "CREATE TABLE patient (name text PRIMARY KEY)")
    ask(pg, "INSERT INTO patient VALUES ('Jane Doe')")
    for statement in ("INSERT INTO patient VALUES ('Jane Doe')", "SELECT 'Jane Doe'::date"):
        with pytest.raises(asyncpg.PostgresError):
            ask(pg, statement)
    assert "Jane" not in (data_dir / "postgres.log").read_text()


def test_failure_names_the_cause_and_leaves_nothing_behind(data_dir: Path) -> None:
    settings = {**FAST_SETTINGS, "max_connections": "many"}
    with pytest.raises(EmbeddedPostgresError) as caught:
        EmbeddedPostgres(data_dir, settings=settings).start()
    assert 'invalid value for parameter "max_connections": "many"' in str(caught.value)


def test_postgresql_15(data_dir: Path) -> None:
    if not DEBIAN_BIN_DIR.exists():
        pytest.skip(f"no {DEBIAN_BIN_DIR}")
    with EmbeddedPostgres(data_dir, bin_dir=DEBIAN_BIN_DIR, settings=FAST_SETTINGS) as pg:
        assert ask(pg, "SHOW server_version").startswith("15.")
        assert ask(pg, "SELECT upper('ä')") == "Ä"


def test_adopts_without_the_right_to_follow_other_users_processes(
    pg: EmbeddedPostgres, other: Callable[..., UserProcess]
) -> None:
    """Root in a container has no CAP_SYS_PTRACE unless it is given."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can give up a capability, and with setpriv")
    pg.start()
    user = other("setpriv", "--bounding-set=-sys_ptrace", "--")
    assert user.read_line() == "using"
    pg.stop()
    user.leave()


def test_as_an_ordinary_user(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("the other tests run as an ordinary user already")
    nobody = pwd.getpwnam("nobody")
    identity: dict[str, Any] = {
        "user": nobody.pw_uid,
        "group": nobody.pw_gid,
        "extra_groups": [],
        "cwd": "/",
    }
    python = python_for(identity)
    for directory in (tmp_path.parent.parent, tmp_path.parent, tmp_path):
        directory.chmod(directory.stat().st_mode | 0o011)
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, nobody.pw_uid, nobody.pw_gid)
    packages = Path(asyncpg.__file__).parents[1]
    done = subprocess.run(
        [python, "-c", FORKING_PROGRAM, str(home / "data")],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{PROJECT}:{packages}"},
        capture_output=True,
        text=True,
        check=False,
        **identity,
    )
    assert done.stdout == "42\n", done.stderr
    assert (home / "data" / "postgres" / "PG_VERSION").stat().st_uid == nobody.pw_uid
    wait_until(lambda: is_stopped(home / "data"), "the last user did not stop it")


def python_for(identity: dict[str, Any]) -> str:
    """A Python that the other user can run with this project."""
    packages = Path(asyncpg.__file__).parents[1]
    check = textwrap.dedent("""
        import sys
        assert sys.version_info >= (3, 11)
        import voxanne.postgres.embedded as embedded
        embedded.wheel_bin_dir().stat()
    """)
    for candidate in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        with suppress(OSError):
            ran = subprocess.run(
                [candidate, "-c", check],
                env={"PYTHONPATH": f"{PROJECT}:{packages}"},
                capture_output=True,
                check=False,
                **identity,
            )
            if ran.returncode == 0:
                return candidate
    pytest.skip("no Python and project that another user can read")
