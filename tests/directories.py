"""Where tests keep files: in memory, where there is room."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

IN_MEMORY_BYTES_MIN = 4 * 1024**3


def in_memory() -> Path | None:
    """Where files are kept in memory, if there is room: a database is made for nearly every test,
    and copying its 565 files takes a third of the time there.
    """
    memory = Path("/dev/shm")
    if memory.is_dir() and shutil.disk_usage(memory).free > IN_MEMORY_BYTES_MIN:
        return memory
    return None


@contextmanager
def short_directory() -> Iterator[Path]:
    """With a path that sockets fit into, and that the server's own user can walk."""
    with tempfile.TemporaryDirectory(
        prefix="voxanne-", dir=in_memory(), ignore_cleanup_errors=True
    ) as made:
        yield Path(made)
