"""A YAML file as a tree of texts that know their place, so that every error can name it.

Nothing is ever constructed from the file: scalars stay the text they are written as. So `09:00` is
no number of seconds, and `NO` is Norway.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import yaml

from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files.errors import ClinicFileError

BYTES_MAX = 1_000_000
NODES_MAX = 50_000  # aliases count each time they are used
DEPTH_MAX = 50

_TAG = "tag:yaml.org,2002:"
_TAGS = {f"{_TAG}{kind}" for kind in ("str", "int", "float", "bool", "null", "timestamp", "value")}
_COLLECTIONS = {f"{_TAG}map", f"{_TAG}seq"}


@dataclass(frozen=True, slots=True)
class Node:
    """A text (None when nothing is written), a list, or a mapping. `line` counts from 1."""

    where: str
    line: int
    value: "str | Sequence[Node] | Mapping[str, Node] | None"

    def refuse(self, message: str, outcome: Outcome = Outcome.INVALID_ARGUMENTS) -> NoReturn:
        raise ClinicFileError(outcome, message, where=self.where, line=self.line)

    def text(self, example: str) -> str:
        """What is written. `example` shows what would be right."""
        if not isinstance(self.value, str) or not self.value.strip():
            self.refuse(f"Write one value, such as: {example}")
        return self.value.strip()

    def items(self, example: str) -> "Sequence[Node]":
        """The elements of a list; none where nothing is written."""
        if self.value is None:
            return ()
        if isinstance(self.value, str | Mapping):
            self.refuse(f"Write a list, such as: {example}")
        return self.value

    def one_or_more(self) -> "Sequence[Node]":
        """The elements of a list, or the one text that stands for it."""
        return (self,) if isinstance(self.value, str) else self.items('["09:00-13:00"]')

    def entries(self, example: str) -> "Mapping[str, Node]":
        """A mapping with any keys; empty where nothing is written."""
        if self.value is None:
            return {}
        if not isinstance(self.value, Mapping):
            self.refuse(f"Write it as keys and values, such as: {example}")
        return self.value

    def fields(self, known: Iterable[str]) -> "Mapping[str, Node]":
        """A mapping that may have the known keys alone."""
        known = list(known)
        entries = self.entries(f"{known[0]}: …")
        for key, child in entries.items():
            if key not in known:
                child.refuse(f"There is no setting {key!r} here; there are: {', '.join(known)}")
        return entries


def read_tree(content: bytes) -> Node:
    """The file's tree. Raises ClinicFileError for what isn't one plain YAML document in UTF-8 of
    at most BYTES_MAX bytes and NODES_MAX values.
    """
    if len(content) > BYTES_MAX:
        _refuse(f"The file is larger than {BYTES_MAX:,} bytes.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        _refuse("The file isn't in UTF-8. Save it as UTF-8.")
    try:
        composed = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else None
        said = ", ".join(part for part in (error.context, error.problem) if part)
        _refuse(f"This can't be read as YAML: {said}.", line)
    except yaml.YAMLError:
        _refuse("The file holds characters that YAML doesn't allow.")
    if composed is None:
        return Node("", 1, {})
    return _Converter().convert(composed, "", 1)


class _Loader(yaml.SafeLoader):
    """Gives up on a file that is too much, while it reads it."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self.nodes = 0
        self.depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        self.nodes += 1
        self.depth += 1
        _require_moderate(self.nodes, self.depth, self.line + 1)
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


class _Converter:
    def __init__(self) -> None:
        self.nodes = 0
        self.depth = 0

    def convert(self, node: yaml.Node, where: str, line: int) -> Node:
        self.nodes += 1
        self.depth += 1
        _require_moderate(self.nodes, self.depth, line)
        value = self._value(node, where, line)
        self.depth -= 1
        return Node(where, line, value)

    def _value(
        self, node: yaml.Node, where: str, line: int
    ) -> str | Sequence[Node] | Mapping[str, Node] | None:
        if node.tag not in (_TAGS if isinstance(node, yaml.ScalarNode) else _COLLECTIONS):
            _refuse(
                f"Tags such as {node.tag.replace(_TAG, '!!')} have no meaning here.", line, where
            )
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [
                self.convert(child, f"{where}[{number}]", child.start_mark.line + 1)
                for number, child in enumerate(node.value)
            ]
        return None if node.tag == f"{_TAG}null" else str(node.value)

    def _mapping(self, node: yaml.MappingNode, where: str) -> Mapping[str, Node]:
        found: dict[str, Node] = {}
        for key_node, child in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                _refuse("A key must be one word or text.", line, where)
            key = str(key_node.value).strip()
            path = f"{where}.{key}".lstrip(".")
            if key in found:
                _refuse(
                    f"{key!r} is given twice; the first is on line {found[key].line}.", line, path
                )
            found[key] = self.convert(child, path, line)
        return found


def _require_moderate(nodes: int, depth: int, line: int) -> None:
    if nodes > NODES_MAX:
        _refuse(f"The file has more than {NODES_MAX:,} values.", line)
    if depth > DEPTH_MAX:
        _refuse(f"The file is nested deeper than {DEPTH_MAX} levels.", line)


def _refuse(message: str, line: int | None = None, where: str = "") -> NoReturn:
    raise ClinicFileError(Outcome.INVALID_ARGUMENTS, message, where=where, line=line)
