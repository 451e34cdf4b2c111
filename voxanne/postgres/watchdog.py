"""Stops the embedded server when every process that used it has died without saying goodbye.

Run as `python -I -S watchdog.py DATA_DIR`, so only the standard library is imported here. The
launcher in `embedded.py` imports the same functions: a server is recognised and stopped one way.

The lock files, all in DATA_DIR and all `flock`, which the kernel drops however a process dies:

- `start.lock`: exclusive, held while a process creates, starts or adopts the server.
- `stop.lock`: exclusive, held while a process leaves, so that of two leavers one is the last.
- `users.lock`: shared by every process that uses the server. Exclusive means: nobody uses it.
- `watchdog.lock`: exclusive, held by the one watchdog.
- `server.lock`: exclusive, inherited by the postmaster and every backend. Free means: all gone.

Order: `users.lock` (shared), then `start.lock`, then `server.lock`. A leaver takes `stop.lock`
while it has `users.lock` and never waits for `start.lock`; whoever gets `users.lock` exclusively
waits for nothing but the server.
"""

import fcntl
import os
import signal
import sys
import time
from pathlib import Path

FAST_SHUTDOWN_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 60.0
POLL_SECONDS = 0.05


def open_lock(path: Path) -> int:
    """Open a lock file, creating it, and return the descriptor.

    Programs started by this process don't inherit it. A child forked without exec does, and holds
    the lock until it ends too.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, operation: int = fcntl.LOCK_EX) -> bool:
    """Take the lock if it can be had at once. Asked to convert a lock, a refusal loses the old."""
    try:
        fcntl.flock(descriptor, operation | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def pgdata_of(data_dir: Path) -> Path:
    """Where PostgreSQL's own files are within a deployment's data directory."""
    return data_dir / "postgres"


def read_pid(lock_file: Path) -> int | None:
    """The process id on the first line of a PostgreSQL lock file, if there is one."""
    try:
        first_line = lock_file.read_text(errors="replace").partition("\n")[0]
    except (FileNotFoundError, NotADirectoryError):
        return None
    return int(first_line) if first_line.isdecimal() and int(first_line) > 0 else None


def postmaster_pid(data_dir: Path) -> int | None:
    """The process id of the server that runs in this directory, or None.

    The number in `postmaster.pid` alone proves nothing: after a crash or in a restarted container
    it may belong to any process. It counts when that process is a postgres at work in PGDATA.
    """
    pgdata = pgdata_of(data_dir)
    pid = read_pid(pgdata / "postmaster.pid")
    return pid if pid is not None and _is_postgres_in(pgdata, pid) else None


def stop_server(data_dir: Path) -> bool:
    """Fast shutdown, immediate shutdown after 30 s; True when nothing of the server is left.

    Call it with `users.lock` held exclusively. Gives up after 60 s with False.
    """
    server_lock = open_lock(data_dir / "server.lock")
    began = time.monotonic()
    sent: set[tuple[int, signal.Signals]] = set()
    try:
        while time.monotonic() - began < STOP_SECONDS_MAX:
            pid = postmaster_pid(data_dir)
            # A server that is still starting holds the lock before its pid can be read.
            if pid is None and try_lock(server_lock):
                return True
            impatient = time.monotonic() - began > FAST_SHUTDOWN_SECONDS_MAX
            request = (pid or 0, signal.SIGQUIT if impatient else signal.SIGINT)
            if pid is not None and request not in sent:
                _send(*request)
                sent.add(request)
            time.sleep(POLL_SECONDS)
    finally:
        os.close(server_lock)
    return False


def watch(data_dir: Path) -> None:
    """Wait until nobody uses the server, see that it is stopped, and return."""
    watchdog_lock = open_lock(data_dir / "watchdog.lock")
    if not try_lock(watchdog_lock):
        os.close(watchdog_lock)
        return
    users_lock = open_lock(data_dir / "users.lock")
    fcntl.flock(users_lock, fcntl.LOCK_EX)
    stop_server(data_dir)
    # In this order: the next user must find the watchdog's place free and fill it.
    os.close(watchdog_lock)
    os.close(users_lock)


def _send(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _is_postgres_in(pgdata: Path, pid: int) -> bool:
    try:
        program = Path(f"/proc/{pid}/exe").readlink().name.removesuffix(" (deleted)")
        return program == "postgres" and Path(f"/proc/{pid}/cwd").samefile(pgdata)
    except (FileNotFoundError, ProcessLookupError):
        return not Path("/proc/self/exe").exists() and _is_postgres_by_arguments(pgdata, pid)
    except PermissionError:
        # Root in a container without CAP_SYS_PTRACE may not follow another user's links.
        return _is_postgres_by_arguments(pgdata, pid)


def _is_postgres_by_arguments(pgdata: Path, pid: int) -> bool:
    """Whether the process was started as `…/postgres -D PGDATA …`, as the postmaster is."""
    try:
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return _is_postgres_by_ps(pgdata, pid)
    program = os.path.basename(arguments[0])  # noqa: PTH119 (bytes)
    return program == b"postgres" and os.fsencode(pgdata) in arguments


def _is_postgres_by_ps(pgdata: Path, pid: int) -> bool:
    """The same where there is no /proc (macOS)."""
    if Path("/proc/self").exists():
        return False
    import subprocess  # the watchdog's memory stays small where this isn't needed

    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, check=False).stdout
    return b"postgres -D " + os.fsencode(pgdata) + b" " in shown


def main() -> None:
    """Watch the data directory named by the first argument."""
    # A service manager signals everything it started at once; this one outlives the users.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watch(Path(sys.argv[1]))


if __name__ == "__main__":
    main()
