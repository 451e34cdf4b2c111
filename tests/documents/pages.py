"""The pages and their fenced blocks, as a reader meets them. No test in here."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
# Generated from the program, with the output of `--help`; its blocks are nobody's to type.
GENERATED = {"docs/reference/commands.md", "docs/reference/settings.md"}
RUN = ("sh", "sql", "python")
FOLLOWS_CHARACTERS_MAX = 40
FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\S*)\s*$")


@dataclass(frozen=True, slots=True)
class Block:
    """What stands between two fences. `line` is its first; `before` the text since the last."""

    page: str
    line: int
    language: str
    text: str
    before: str

    @property
    def follows(self) -> bool:
        """Whether it stands right after the block before it, but for a word or two."""
        return len(self.before) <= FOLLOWS_CHARACTERS_MAX


@dataclass(frozen=True, slots=True)
class Page:
    """`name` is relative to the project: docs/how-to/vapi.md."""

    name: str
    blocks: tuple[Block, ...]

    def __str__(self) -> str:
        return self.name

    def run_blocks(self) -> list[Block]:
        """Those that are typed here."""
        return [one for one in self.blocks if one.language in RUN]


def read_pages() -> list[Page]:
    """README.md and every page under docs/, by name."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    names = [str(path.relative_to(ROOT)) for path in paths]
    return [read_page(name) for name in names if name not in GENERATED]


def read_page(name: str) -> Page:
    return Page(name, tuple(find_blocks(name, (ROOT / name).read_text(encoding="utf-8"))))


def find_blocks(name: str, text: str) -> list[Block]:
    """Every fenced block in order; the indentation of one within a list is taken off."""
    blocks: list[Block] = []
    before: list[str] = []
    inside: list[str] | None = None
    fence, began = None, 0
    for number, line in enumerate(text.splitlines(), 1):
        found = FENCE.match(line)
        if found and inside is None:
            fence, began, inside = found, number + 1, []
        elif found and inside is not None and not found["language"]:
            assert fence is not None
            content = "\n".join(one.removeprefix(fence["indent"]) for one in inside)
            said = "\n".join(before).strip()
            blocks.append(Block(name, began, fence["language"], content, said))
            inside, before = None, []
        elif inside is not None:
            inside.append(line)
        else:
            before.append(line)
    assert inside is None, f"{name}:{began}: a block isn't closed"
    return blocks
