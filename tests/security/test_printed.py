"""The search of what the suite printed finds what it must: each time in a pytest of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.printed import PRINTS_ON_PURPOSE, SHOWN_ON_PURPOSE, Search

ROOT = Path(__file__).parents[2]
ALONE = ("-p", "no:cacheprovider", "-c", "/dev/null")
CONFTEST = """
import os, sys
from pathlib import Path
from tests.printed import Printed

def pytest_configure(config):
    here = Path(os.environ["RUN_DIRECTORY"])
    is_worker = hasattr(config, "workerinput")
    logs = (here, "*.log")
    config.pluginmanager.register(Printed(here / "printed", is_worker=is_worker, logs=logs))
"""
BEGINNING = """
import logging, os, secrets, subprocess, sys
from pathlib import Path
from tests.printed import keep, plant, plant_settings

def test_other_things_are_printed():
    print("nothing of anybody's", "a" * 500)

def test_it():
    name = plant("a patient's name", "Zebulon Quartermain")
    number = plant("a patient's number", "+447700900417")
    token = secrets.token_urlsafe(32)
    url = "postgresql://u:a-long-passphrase@db/x"
    plant_settings({"DATABASE_URL": url, "VOXANNE_PORT": "3001"})
"""


def run(directory: Path, statement: str, *options: str) -> tuple[int, str]:
    """Exit code and output of a run of one test with this statement."""
    directory.joinpath("conftest.py").write_text(CONFTEST)
    directory.joinpath("test_one.py").write_text(f"{BEGINNING}    {statement}\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *ALONE, "--rootdir", ".", "test_one.py", *options],
        cwd=directory,
        env={
            "PYTHONPATH": str(ROOT),
            "PATH": "/usr/bin:/bin",
            "RUN_DIRECTORY": str(directory),
            "PYTEST_DEBUG_TEMPROOT": str(directory),  # or it clears up after everybody else
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr


# One run each way: the ways to print are tried together, and each must be told of.
EVERYWHERE = """
    print("a", token)
    print("key=vox_" + token + "&", file=sys.stderr)
    logging.getLogger("x").warning("of %s", name.upper())
    subprocess.run([sys.executable, "-c", "print('call +44 7700 900417')"])
    keep(["serve", "--port", "0"], "connecting with a-long-passphrase")
    keep(["worker"], '{"event":"sent to Zebulon Quartermain","timestamp":"2027-01-01"}')
    keep(["worker"], "Somebody reads: Zebulon Quartermain")
    Path(os.environ["RUN_DIRECTORY"], "server.log").write_text("ERROR: (" + token + ")")
"""


@pytest.mark.parametrize("options", [[], ["-n", "2"]], ids=["alone", "xdist"])
def test_a_run_that_prints_a_planted_value_fails(tmp_path: Path, options: list[str]) -> None:
    code, said = run(tmp_path, EVERYWHERE.strip(), *options)
    assert code == 1, said
    told = sorted(line.partition("PRINTED ")[2] for line in said.splitlines() if "PRINTED" in line)
    assert told == [
        "server.log: a random token",
        "test_one.py::test_it: a patient's name",
        "test_one.py::test_it: a patient's number",
        "test_one.py::test_it: a random token",
        "voxanne serve --port 0: DATABASE_URL",
        "voxanne worker: a patient's name",
    ]
    assert "2 passed" in said, "the tests themselves were well"
    assert "in: call +## #### ######" in said
    assert "in: connecting with …" in said
    assert "quartermain" not in said.lower()
    assert "a-long-passphrase" not in said


def test_a_run_that_prints_none_passes(tmp_path: Path) -> None:
    code, said = run(tmp_path, "print('Zebulon', '7700 900', token[:11], 3001)")
    assert code == 0, said
    assert "PRINTED" not in said


def test_a_run_that_captures_nothing_says_so(tmp_path: Path) -> None:
    code, said = run(tmp_path, "print(name)", "-s")
    assert code == 0
    assert "Not searched" in said


def test_what_a_command_shows_is_planted_for_all_others(tmp_path: Path) -> None:
    shown = 'keep(["org", "key", "Harbor"], "vox_" + "Q" * 43); print("vox_" + "Q" * 43)'
    code, said = run(tmp_path, shown)
    assert code == 1
    assert "PRINTED test_one.py::test_it: shown by `voxanne org key Harbor`" in said


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("x abcdefghijklmnop y", True),
        ("Bearer abcdefghijklmnop", True),
        ("vox_abcdefghijklmnop", True),
        ("url?token=abcdefghijklmnop&x", True),
        ("'abcdefghijklmnop'", True),
        ("…/abcdefghijklmnop.ics", True),
        ("abcdefghijklmno", False),
        ("ABCDEFGHIJKLMNOP", False),
        ("07700 900-417", True),
        ("(07700) 900 417", True),
        ("+447700900418", False),
        ("zebulon quartermain", True),
    ],
)
def test_how_values_are_found(text: str, found: bool) -> None:
    planted = {
        "abcdefghijklmnop": "token",
        "+447700900417": "number",
        "Zebulon Quartermain": "name",
    }
    assert bool(Search(planted).kinds_in(text)) is found


def test_every_exemption_has_a_reason() -> None:
    for reasons in (SHOWN_ON_PURPOSE, PRINTS_ON_PURPOSE):
        assert all(reason.strip() for reason in reasons.values())
    assert all((ROOT / path.partition("::")[0]).exists() for path in PRINTS_ON_PURPOSE)
