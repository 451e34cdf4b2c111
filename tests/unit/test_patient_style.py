"""The stylesheet of the patient's page, by WCAG 2.2: contrast, sizes, focus."""

import re
from importlib.resources import files

import pytest

STYLE = (files("voxanne.inbound.patient") / "patient.css").read_text("utf-8")
LIGHT, DARK = (
    dict(re.findall(r"--([a-z-]+): (#[0-9a-f]{6});", block))
    for block in re.findall(r":root \{(.*?)\}", STYLE, re.DOTALL)
)
# What stands on what, and how much they must differ: text (1.4.3), borders and focus (1.4.11).
TEXT, PARTS = 4.5, 3.0
PAIRS = [
    ("text", "ground", TEXT),
    ("quiet", "ground", TEXT),
    ("link", "ground", TEXT),
    ("on-main", "main", TEXT),
    ("on-danger", "danger", TEXT),
    ("done-text", "done-ground", TEXT),
    ("problem-text", "problem-ground", TEXT),
    ("line", "ground", PARTS),
    ("main", "ground", PARTS),
    ("danger", "ground", PARTS),
]


def luminance(colour: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_formula_is_the_standards() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "back", "least"), PAIRS)
def test_contrast(scheme: dict[str, str], front: str, back: str, least: float) -> None:
    assert contrast(scheme[front], scheme[back]) >= least


def test_every_colour_is_tested_in_both_schemes() -> None:
    paired = {name for front, back, _ in PAIRS for name in (front, back)}
    assert set(LIGHT) == set(DARK) == paired
    used = set(re.findall(r"var\(--([a-z-]+)\)", STYLE))
    assert used == paired
    rules = STYLE[STYLE.index("* {") :]
    assert not re.search(r"#[0-9a-f]{3,6}\b|rgb|hsl", rules)


def test_whatever_is_pressed_is_large_enough() -> None:
    """44 px of a 16 px root, where 24 would do (2.5.8)."""
    for rule in ("button", "\\.choice", 'input\\[type="date"\\]'):
        found = re.search(rf"^{rule} \{{(.*?)\}}", STYLE, re.DOTALL | re.MULTILINE)
        assert found is not None
        assert "min-height: 2.75rem" in found[1]


def test_the_page_fits_a_narrow_phone_and_large_letters() -> None:
    """Nothing has a width in pixels, long words break, and sizes grow with the reader's letters."""
    assert "overflow-wrap: anywhere" in STYLE
    widths = re.findall(r"(?:^|\s)(?:min-|max-)?width: ([^;]+);", STYLE)
    assert set(widths) == {"36rem", "1.5rem", "100%"}
    assert not re.search(r"font(-size)?: [^;]*px", STYLE)


def test_the_focus_is_seen() -> None:
    assert ":focus-visible" in STYLE
    assert "outline: none" not in STYLE
    assert "outline: 0" not in STYLE
