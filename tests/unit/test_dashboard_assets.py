"""The dashboard's stylesheet and scripts, as they are served."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.fakes.node import BIN
from voxanne.inbound.dashboard.pages import _assets, _slim, _static

SERVED = _assets()[1]
MODULES = sorted(name for name in SERVED if name.endswith(".js"))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_parses_as_it_is_served(name: str) -> None:
    done = subprocess.run(
        [BIN / "node", "--input-type=module", "--check"],
        input=SERVED[name],
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()


def test_only_comments_types_and_space_are_left_out() -> None:
    script = (
        "/* What it is. */\n\n"
        "// and why\n"
        "/**\n * @param {string} a\n */\n"
        "export function f(a) {\n"
        '  /** @type {string} */ (a).trim();  // "kept"\n'
        '  return "https://x" + `\n  two\n`;\n'
        "}\n"
    )
    assert _slim("f.js", script.encode()).decode() == (
        'export function f(a) {\n(a).trim();  // "kept"\nreturn "https://x" + `\ntwo\n`;\n}\n'
    )
    style = "/* Why. */\na:hover { color: red; margin: calc(1px + 2px) 0; }\nb > c, d { x: y }\n"
    assert _slim("f.css", style.encode()).decode() == (
        "a:hover{color:red;margin:calc(1px + 2px) 0}b > c,d{x:y}"
    )
    assert _slim("f.svg", b"  <svg> </svg>\n") == b"  <svg> </svg>\n"


def test_nothing_comes_from_elsewhere() -> None:
    for name, content in SERVED.items():
        text = content.decode()
        assert not re.search(r"(?:https?:)?//[a-z]+\.", text.replace("http://www.w3.org", "")), name
        imported = re.findall(r"(?:from |import\()\"([^\"]+)\"", text)
        assert {path.removeprefix("./") for path in imported} <= set(SERVED), name


def test_no_script_knows_of_time_zones() -> None:
    """The clinic's day and minute come from the server. A day alone may be written out, in UTC."""
    for path in sorted(Path(str(_static())).glob("*.js")):
        text = path.read_text().replace('timeZone: "UTC"', "")
        assert not re.search(r"new Date\b|timeZone|getHours|getTimezoneOffset", text), path.name
