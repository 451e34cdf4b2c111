"""`voxanne` as a process of its own. No test in here."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.printed import keep, plant_settings

SECONDS_MAX = 60


def environment(**settings: str) -> dict[str, str]:
    """Ours without any setting, and these."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("VOXANNE", "PG"))
    }
    kept.pop("DATABASE_URL", None)
    plant_settings(settings)
    return {**kept, **settings}


def voxanne(
    *arguments: str, settings: Mapping[str, str], cwd: Path, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "voxanne", *arguments],
        env=environment(**settings),
        cwd=cwd,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )
    keep(arguments, done.stdout + done.stderr)
    return done


def parsed(done: subprocess.CompletedProcess[str]) -> Any:
    """The JSON on standard output of a command that succeeded."""
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_fails(done: subprocess.CompletedProcess[str], *said: str, code: int = 1) -> None:
    """It failed, said why in one line, and showed no trace."""
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    (line,) = (line for line in done.stderr.splitlines() if line.startswith("Error: "))
    for words in said:
        assert words in line, line


class Running:
    """A command that serves, and what it says, as it says it."""

    def __init__(self, *arguments: str, settings: Mapping[str, str], cwd: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "voxanne", *arguments],
            env=environment(**settings),
            cwd=cwd,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said = ""
        self._arguments = arguments
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as output:
            for line in output:
                with self._news:
                    self.said += line
                    self._news.notify_all()
        keep(self._arguments, self.said)

    def wait_for(self, pattern: str) -> re.Match[str]:
        """The first match in what it says."""
        with self._news:
            found = self._news.wait_for(lambda: re.search(pattern, self.said), SECONDS_MAX)
        assert found is not None, self.said
        return found

    def end(self, number: int = signal.SIGTERM) -> int:
        """Its exit code after this signal."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        code = self.process.wait(SECONDS_MAX)
        self._reader.join()
        return code

    def kill_if_alive(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.wait()
