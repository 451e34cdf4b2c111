"""Checks of what is lost first: backups, and room on the disk."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from stat import S_ISREG
from typing import Final

from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, failed, named, off, ok, warn

FREE_GIGABYTES_WARN: Final = 5.0
FREE_GIGABYTES_MIN: Final = 1.0
FREE_SHARE_WARN: Final = 0.10
FREE_SHARE_MIN: Final = 0.03
# Names of what isn't finished.
_UNFINISHED: Final = (".part", ".partial", ".tmp")
HOW_TO: Final = "docs/how-to/backup.md"


async def check_backups(scene: Examination) -> Finding:
    directory, hours_max = scene.settings.backup_dir, scene.settings.backup_hours_max
    if directory is None:
        said, fix = "VOXANNE_BACKUP_DIR isn't set", f"make backups and say where: {HOW_TO}"
        return failed(f"{said}: nobody knows of one", fix) if scene.production else off(said)
    try:
        newest = await asyncio.to_thread(_newest, directory)
    except OSError as error:
        return failed(f"{directory} can't be read ({error.strerror})", f"correct it: {HOW_TO}")
    if newest is None:
        return failed(f"there is none in {directory}", f"run the backup now: {HOW_TO}")
    path, made, size = newest
    hours = (scene.now() - made).total_seconds() / 3600
    if size == 0:
        return failed(f"the newest is empty ({path.name})", f"see why it failed: {HOW_TO}")
    if hours > hours_max:
        return failed(
            f"the newest is {hours:,.0f} hours old; {hours_max} are allowed",
            f"see why none was made since: {HOW_TO}",
        )
    return ok(f"the newest is {hours:.1f} hours old")


def _newest(directory: Path) -> tuple[Path, datetime, int] | None:
    """The newest finished file, when it was written, and its bytes. Raises OSError."""
    directory.stat()
    found = []
    for path in _finished(directory):
        with suppress(FileNotFoundError):  # removed since it was listed: it was too old
            found.append((path.stat(), path))
    files = [(stat, path) for stat, path in found if S_ISREG(stat.st_mode)]
    if not files:
        return None
    stat, path = max(files, key=lambda one: one[0].st_mtime)
    return path, datetime.fromtimestamp(stat.st_mtime, UTC), stat.st_size


def _finished(directory: Path) -> Iterator[Path]:
    """All files but those under hidden names: the recipes write there, and rename what is whole."""
    for place, directories, names in os.walk(directory):
        directories[:] = [name for name in directories if not name.startswith(".")]
        for path in (Path(place, name) for name in names if not name.startswith(".")):
            if path.suffix not in _UNFINISHED:
                yield path


async def check_disk(scene: Examination) -> Finding:
    """Of the file systems that are this machine's; a database elsewhere has to be watched there."""
    settings = scene.settings
    places = {
        "the data directory": settings.data_dir if settings.data_dir.exists() else None,
        "the backups": settings.backup_dir,
        "the working directory": Path.cwd(),
    }
    short, low, free_least = [], [], float("inf")
    for name, path in places.items():
        if path is None or not path.exists():
            continue
        free, total = scene.disk(path)
        gigabytes, share = free / 1e9, free / max(total, 1)
        told = f"{name}: {gigabytes:.1f} GB free ({share:.0%})"
        if gigabytes < FREE_GIGABYTES_MIN or share < FREE_SHARE_MIN:
            short.append(told)
        elif gigabytes < FREE_GIGABYTES_WARN or share < FREE_SHARE_WARN:
            low.append(told)
        free_least = min(free_least, gigabytes)
    fix = "make room, or move it to a larger disk; PostgreSQL stops when its disk is full"
    if short:
        return failed(f"nearly full: {named(short)}", fix)
    if low:
        return warn(f"getting full: {named(low)}", fix)
    where = (
        "" if scene.settings.database_url is None else "; the database's own isn't seen from here"
    )
    return ok(f"{free_least:,.0f} GB free{where}")
