"""Who the embedded server runs as, and what that account must be able to reach.

PostgreSQL refuses to run as root, so root starts it as a system user of its own.
"""

import os
import pwd
import shutil
import stat
import subprocess
from pathlib import Path
from typing import NamedTuple

SYSTEM_USER = "voxanne"


class ServerAccount(NamedTuple):
    """The user and group that the server runs as when this process is root."""

    uid: int
    gid: int


def server_account(pgdata: Path) -> ServerAccount | None:
    """Who the server runs as: ourselves (None), but not as root, which PostgreSQL refuses.

    An existing PGDATA decides by its owner: in another container the same name has another id.
    Raises LookupError when root has nobody to run it as.
    """
    if os.geteuid() != 0:
        return None
    if pgdata.exists() and (owner := pgdata.stat()).st_uid != 0:
        return ServerAccount(owner.st_uid, owner.st_gid)
    account = _account_named(SYSTEM_USER) or _create_account() or _account_named("nobody")
    if account is None:
        raise LookupError(
            f"PostgreSQL doesn't run as root. Create a system user named {SYSTEM_USER}."
        )
    return account


def _account_named(name: str) -> ServerAccount | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return ServerAccount(entry.pw_uid, entry.pw_gid)


def _create_account() -> ServerAccount | None:
    program = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None:
        return None
    options = ["--system", "--no-create-home", "--home-dir", "/nonexistent"]
    command = [program, *options, "--shell", "/usr/sbin/nologin", SYSTEM_USER]
    # Refused when another process has just created it, so what counts is whether it is there.
    subprocess.run(command, capture_output=True, check=False, timeout=30)
    return _account_named(SYSTEM_USER)


def open_the_way(directory: Path, account: ServerAccount) -> None:
    """Add the search bit for others to the directories the account can't pass, nothing more."""
    for step in (directory, *directory.parents):
        found = step.stat()
        if not _may_search(found, account):
            step.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def _may_search(found: os.stat_result, account: ServerAccount) -> bool:
    if found.st_uid == account.uid:
        return bool(found.st_mode & stat.S_IXUSR)
    if found.st_gid == account.gid:
        return bool(found.st_mode & stat.S_IXGRP)
    return bool(found.st_mode & stat.S_IXOTH)


def make_readable(tree: Path) -> None:
    """What `chmod -R go+rX` does, and nothing where there is no such directory."""
    if not tree.exists():
        return
    for path in (tree, *tree.rglob("*")):
        if path.is_symlink():
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        runnable = path.is_dir() or mode & 0o111
        path.chmod(mode | (0o055 if runnable else 0o044))


def give_tree(tree: Path, account: ServerAccount) -> None:
    """Make the account the owner of a directory; of the directory itself last, as the mark."""
    for path in (*tree.rglob("*"), tree):
        os.chown(path, *account, follow_symlinks=False)
