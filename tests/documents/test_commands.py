"""Every command in the documents is typed, in order, and does what its page shows.

`sh`, `sql` and `python` blocks are run against a prepared deployment (scene.py); a `text` block
right after one shows what it prints. What can't be run stands in a `console` block, and says so.
"""

import calendar
import re
import shlex
import tempfile
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path

import pytest

from tests.database import Server
from tests.documents.pages import RUN, Block, Page, read_pages
from tests.documents.scene import Desk, Scene
from tests.fakes.vapi_api import fake_vapi

SHOWN = ("text", "json", "yaml", "http", "env", "js", "go", "")  # nobody types these at a shell
UNRUN = "not run by the suite"
PAGES = read_pages()
# What a block that isn't run may call, and how many such blocks there are: whoever adds one has to
# look here, and ask whether it couldn't be run.
CONSOLE_PROGRAMS = {
    *("docker", "systemctl", "journalctl", "certbot", "caddy", "promtool", "uvicorn", "curl"),
    ".venv/bin/pytest",
    *("apt-get", "git", "useradd", "install", "cp", "ln", "chown", "python3.11", "$EDITOR"),
    *("for", "do", "read", "done", "psql", "archive_mode", "deploy/backup/dump.sh"),
    *(
        "archive_timeout",
        "archive_command",
        "deploy/backup/restore.sh",
        "deploy/backup/restore-base.sh",
    ),
    *("voxanne doctor", "voxanne stress", "voxanne migrate", "voxanne validate"),
}
CONSOLE_BLOCKS = 17
SHOWN_CHARACTERS_MAX = 2_000
REFUSED = re.compile(r'"success": ?false|"status": ?[45]\d\d|"code": ?"[A-Z_]+"')
VARIABLE = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d+(?:[.,]\d+)*|…|\s+|"
    + "|".join(calendar.month_name[1:])
)


@pytest.fixture(scope="module")
def scene(server: Server) -> Iterator[Scene]:
    with (
        tempfile.TemporaryDirectory(prefix="voxanne-pages-") as folder,
        fake_vapi() as vapi,
        Scene(server, Path(folder), vapi).prepared() as prepared,
    ):
        yield prepared


@pytest.mark.parametrize("page", [page for page in PAGES if page.run_blocks()], ids=str)
def test_its_commands_run(scene: Scene, page: Page) -> None:
    run = page.run_blocks()
    typed = "\n".join(block.text for block in run)
    is_served = "127.0.0.1:" in typed or "$URL" in typed or "VOXANNE_URL" in typed
    with scene.page(is_served=is_served, has_caldav="connect-caldav" in typed) as desk:
        for block, shown in zip(page.blocks, [*page.blocks[1:], None], strict=True):
            if block in run:
                run_and_compare(desk, block, shown)


def test_what_is_not_run_says_so() -> None:
    """Before the block, or once for the page above its first."""
    unknown, count = dict[str, str](), 0
    for page in PAGES:
        told = ""
        for block in page.blocks:
            told += " ".join(block.before.split()).lower()
            if block.language == "console":
                place = f"{block.page}:{block.line}"
                assert UNRUN in told, f"{place} must say: {UNRUN}"
                unknown |= dict.fromkeys(programs_of(block.text) - CONSOLE_PROGRAMS, place)
                count += 1
    assert unknown == {}, "could these be run?"
    assert count == CONSOLE_BLOCKS


def test_every_block_names_its_language() -> None:
    known = {*RUN, *SHOWN, "console"}
    for block in (one for page in PAGES for one in page.blocks):
        assert block.language in known, f"{block.page}:{block.line}: {block.language!r}"


@pytest.mark.parametrize(
    ("language", "text", "shown"),
    [
        ("sh", "voxanne org lists", ""),
        ("sh", "voxanne org list --jsn", ""),
        ("sh", "voxanne bench --second 10", ""),
        ("sh", "voxanne stress --workload --sed 7 --minutes 2", ""),
        ("sh", "make harder", ""),
        ("sh", ".venv/bin/pytest tests/nowhere", ""),
        ("sh", "echo one; false; echo two", ""),
        ("sh", 'echo \'{"success":false,"error":"BUSY"}\'', ""),
        ("sql", "SELECT nothing_of_the_kind()", ""),
        ("python", "import nothing_of_the_kind", ""),
        ("sh", "voxanne org list", "Another Clinic"),
        ("sh", "echo 1 booked, 499 refused", "499 booked, … refusals"),
    ],
)
def test_a_wrong_command_is_noticed(scene: Scene, language: str, text: str, shown: str) -> None:
    block = Block("docs/planted.md", 1, language, text, "")
    with scene.page(is_served=False, has_caldav=False) as desk, pytest.raises(AssertionError):
        run_and_compare(desk, block, Block("docs/planted.md", 5, "text", shown, ""))


def test_a_right_command_is_none(scene: Scene) -> None:
    block = Block("docs/planted.md", 1, "sh", 'voxanne org list && echo "12 of 2027-06-01"', "")
    with scene.page(is_served=False, has_caldav=False) as desk:
        run_and_compare(desk, block, Block("docs/planted.md", 5, "text", "Harbor …\n3 of", ""))


def run_and_compare(desk: Desk, block: Block, shown: Block | None) -> None:
    place = f"{block.page}:{block.line}"
    done = desk.run_block(block)
    assert done.code == 0, f"{place}: exit code {done.code}\n{done.said[-SHOWN_CHARACTERS_MAX:]}"
    expected = ""
    if shown is not None and shown.language == "text" and shown.follows:
        expected = shown.text
        missing = find_missing_line(expected, done.said)
        assert missing is None, f"{place}: it doesn't print {missing!r} but\n{done.said}"
    if not REFUSED.search(expected):
        assert not REFUSED.search(done.said), f"{place} is refused:\n{done.said}"


def programs_of(text: str) -> set[str]:
    """What each `$ ` line calls, or each line where none begins so: its first word, and of
    `voxanne` the second. Comments and plain settings call nothing."""
    lines = [line.strip() for line in re.sub(r"\\\n", " ", text).splitlines()]
    typed = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")] or lines
    words = [shlex.split(line, comments=True) for line in typed]
    # `IMAGE_TAG=0.2.0 docker …` calls docker, `export IMAGE_TAG=0.2.0` nothing.
    called = [list(dropwhile(lambda word: "=" in word, line)) for line in words]
    called = [line for line in called if line and line[0] not in ("export", "set")]
    return {" ".join(line[: 1 + (line[0] == "voxanne")]) for line in called}


def find_missing_line(expected: str, said: str) -> str | None:
    """The first line of `expected` that isn't in `said` after those before it.

    Digits, months, ids and white space may differ, and `…` stands for anything.
    """
    rest = said
    for line in filter(None, (line.strip("… ") for line in expected.splitlines())):
        found = re.search(shape_of(line), rest)
        if found is None:
            return line
        rest = rest[found.end() :]
    return None


def shape_of(line: str) -> str:
    shape, begin = "", 0
    for found in VARIABLE.finditer(line):
        shape += re.escape(line[begin : found.start()])
        match found[0]:
            case "…":
                shape += r"[^\n]*?"
            case space if space.isspace():
                shape += r"\s+"
            case month if month in calendar.month_name:
                shape += r"[A-Z][a-z]+"
            case number if len(number) == 36:
                shape += r"[0-9a-f-]{36}"
            case _:
                shape += r"\d+(?:[.,]\d+)*"
        begin = found.end()
    return shape + re.escape(line[begin:])
