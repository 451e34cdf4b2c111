"""What the suite printed is searched, at its end, for the secrets and the patients of its tests.

Every test's captured output, what `voxanne` said as a process, and the database server's log are
kept; whatever `plant` was told of must be in none of it. Secrets that are made at random are
planted as they are made, so that no test needs to think of it. A value that is found fails the run;
the line it was in is shown without it.

Commands that show such things on purpose are in SHOWN_ON_PURPOSE with the reason; their log lines
(JSON) are searched all the same. With `-s` nothing is captured, and so much is said.
"""

import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar

import pytest
from cryptography.fernet import Fernet

SECRET_CHARACTERS_MIN: Final = 12
SHOWN_MAX: Final = 20
LINE_CHARACTERS_MAX: Final = 300
SHOWN_ON_PURPOSE: Final[Mapping[str, str]] = {
    "demo": "its clinic's key, its patients and a sign-in link are what it shows",
    "call": "plays a patient's telephone call on the terminal",
    "org create": "shows the new clinic's key, once",
    "org key": "shows the new key, once",
    "staff add": "shows a sign-in link, once",
    "staff link": "shows a sign-in link, once",
    "feed": "shows the feed's address, once",
    "calendar": "shows a consent link for staff to open",
    "webhook": "shows the webhook's secret, once",
    "db url": "the database's address is what is asked for",
    "psql": "shows what the owner asks the database for",
    "export": "a person's data is what is asked for",
    "erase": "asks whether this is the person",
    "import": "lists the diary's conflicts for the receptionist",
    "worker": "without an account it prints messages in place of sending them (console)",
    "serve --with-worker": "the same",
}
PRINTS_ON_PURPOSE: Final[Mapping[str, str]] = {
    "tests/integration/test_schemathesis.py": "shows requests, which are the API's own examples",
    "tests/integration/test_twilio.py::test_without_an_account": "messages, in place of an account",
    "tests/unit/test_console.py": "messages on a terminal, in place of an account",
}
# Of an environment: what is a secret by its name, and a password within an address.
_SECRET_NAME: Final = re.compile(r"secret|_keys?$|password|token|database_url|smtp_url", re.I)
_PASSWORD_IN_URL: Final = re.compile(r"://[^/@:]*:([^/@]+)@")
_SHOWN_SECRET: Final = re.compile(r"(?:vox|whsec)_[A-Za-z0-9_+/=-]{20,}")
_LOG_LINE: Final = re.compile(r'\{.*"timestamp":')
# What a test asks for itself, as the client that it asks with tells it.
_ASKED: Final = re.compile(r"^INFO +httpx2:.*$", re.M)
_WORD: Final = re.compile(r"[A-Za-z0-9_+/=-]{12,}")
_BETWEEN_DIGITS: Final = re.compile(r"(?<=\d)[ ().-]{1,2}(?=\d)")

Value = TypeVar("Value", str, bytes)
_planted: dict[str, str] = {}
_directory: list[Path] = []


def plant(kind: str, value: Value) -> Value:
    """From now on `value` may be printed nowhere. Returns it."""
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    if text and text not in _planted:
        _planted[text] = kind
        _write("planted", [kind, text])
    return value


def plant_settings(settings: Mapping[str, object]) -> None:
    """The secrets among a deployment's settings, by their names."""
    for name, value in settings.items():
        if isinstance(value, str) and _SECRET_NAME.search(name):
            values = _PASSWORD_IN_URL.findall(value) if "://" in value else value.split(",")
            for each in values:
                if len(each) >= SECRET_CHARACTERS_MIN:
                    plant(name, each)


def keep(arguments: Iterable[str], said: str) -> None:
    """What a `voxanne` command with these arguments printed."""
    command = " ".join(arguments)
    # What it shows once must not come up again elsewhere, not even of its own log.
    for found in _SHOWN_SECRET.findall(said):
        plant(f"shown by `voxanne {command.partition(' --')[0]}`", found)
    if any(_is_command(command, shown) for shown in SHOWN_ON_PURPOSE):
        said = "\n".join(line for line in said.splitlines() if _LOG_LINE.match(line))
    if said:
        _write("kept", [f"voxanne {command}", said])


def _is_command(command: str, shown: str) -> bool:
    name, _, option = shown.partition(" --")
    begins = command == name or command.startswith(name + " ")
    return begins and (not option or f"--{option}" in command.split())


def _write(what: str, line: list[str]) -> None:
    """A file of each process's own: workers of pytest-xdist write at the same time."""
    if _directory:
        with _directory[0].joinpath(f"{what}.{os.getpid()}").open("a") as file:
            file.write(json.dumps(line) + "\n")


def _read(directory: Path, what: str) -> Iterator[list[str]]:
    for path in sorted(directory.glob(f"{what}.*")):
        yield from map(json.loads, path.read_text().splitlines())


class Search:
    """Finds planted values in text: secrets as they stand, people in any letter case, numbers
    however they are spaced."""

    def __init__(self, planted: Mapping[str, str]) -> None:
        self._by_beginning: dict[str, list[tuple[str, str]]] = {}
        self._plain: list[tuple[str, str]] = []
        self._numbers: list[tuple[str, str]] = []
        for value, kind in planted.items():
            if re.fullmatch(r"\+\d{8,15}", value):
                self._numbers.append((value[-9:], kind))
            elif len(value) >= SECRET_CHARACTERS_MIN and _WORD.fullmatch(value):
                begins = value[:SECRET_CHARACTERS_MIN]
                self._by_beginning.setdefault(begins, []).append((value, kind))
            else:
                self._plain.append((value.lower(), kind))

    def kinds_in(self, text: str) -> set[str]:
        found = {kind for word in set(_WORD.findall(text)) for kind in self._of_word(word)}
        lower = text.lower()
        found |= {kind for value, kind in self._plain if value in lower}
        closed = _BETWEEN_DIGITS.sub("", text)
        return found | {kind for digits, kind in self._numbers if digits in closed}

    def line_of(self, kind: str, text: str) -> str:
        """The first line with a value of this kind, where nothing planted can be read."""
        for line in text.splitlines():
            kinds = self.kinds_in(line)
            if kind not in kinds:
                continue
            shown = _WORD.sub(lambda word: "…" if any(self._of_word(word[0])) else word[0], line)
            for value, _ in self._plain:
                shown = re.sub(re.escape(value), "…", shown, flags=re.I)
            if any(numbered in kinds for _, numbered in self._numbers):
                shown = re.sub(r"\d", "#", shown)
            return shown[:LINE_CHARACTERS_MAX]
        return "over several lines"

    def _of_word(self, word: str) -> Iterator[str]:
        for start in range(len(word) - SECRET_CHARACTERS_MIN + 1):
            begins = word[start : start + SECRET_CHARACTERS_MIN]
            for value, kind in self._by_beginning.get(begins, ()):
                if word.startswith(value, start):
                    yield kind


class Printed:
    """The plugin. `directory` is the run's, which its workers share; `logs`: files to search as
    well, by pattern below the run's folder."""

    def __init__(self, directory: Path, *, is_worker: bool, logs: tuple[Path, str] | None) -> None:
        self.directory = directory
        self.is_worker = is_worker
        self.logs = logs
        self.pieces: list[tuple[str, str]] = []
        self.found: dict[str, str] = {}
        directory.mkdir(parents=True, exist_ok=True)
        _directory[:] = [directory]
        for value, kind in _planted.items():  # before there was a folder
            _write("planted", [kind, value])
        _plant_what_is_made()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if self.is_worker or report.nodeid.startswith(tuple(PRINTS_ON_PURPOSE)):
            return
        for title, content in report.sections:
            if title.startswith("Captured") and title.endswith(f" {report.when}"):
                self.pieces.append((report.nodeid, _ASKED.sub("", content)))

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.is_worker:
            return
        search = Search({value: kind for kind, value in _read(self.directory, "planted")})
        kept = [(source, said) for source, said in _read(self.directory, "kept")]
        for source, text in [*self.pieces, *kept, *self._log_files()]:
            for kind in sorted(search.kinds_in(text)):
                self.found.setdefault(f"{source}: {kind}", search.line_of(kind, text))
        if self.found:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _log_files(self) -> Iterator[tuple[str, str]]:
        if self.logs is not None:
            for path in sorted(self.logs[0].glob(self.logs[1])):
                yield path.name, path.read_text(errors="replace")

    def pytest_terminal_summary(self, terminalreporter: Any, config: pytest.Config) -> None:
        if config.getoption("capture") == "no":
            terminalreporter.write_line("Not searched for secrets: nothing was captured (-s).")
        if self.found:
            terminalreporter.section("printed secrets or patients", red=True)
            for what, line in list(self.found.items())[:SHOWN_MAX]:
                terminalreporter.write_line(f"PRINTED {what}", red=True)
                terminalreporter.write_line(f"  in: {line}")
            if len(self.found) > SHOWN_MAX:
                terminalreporter.write_line(f"… and {len(self.found) - SHOWN_MAX} more", red=True)


def _plant_what_is_made() -> None:
    """Keys, links, sessions and states are made of these; what is made in a test is its secret."""

    def planting(make: Any, kind: str) -> Any:
        def made(*arguments: Any) -> Any:
            value = make(*arguments)
            return plant(kind, value) if len(value) >= SECRET_CHARACTERS_MIN else value

        return made

    if getattr(secrets.token_urlsafe, "__module__", "") != __name__:
        secrets.token_urlsafe = planting(secrets.token_urlsafe, "a random token")
        secrets.token_hex = planting(secrets.token_hex, "a random token")
        Fernet.generate_key = planting(Fernet.generate_key, "an encryption key")  # type: ignore[method-assign]
