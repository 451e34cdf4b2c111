"""The one text that tells a voice model how to behave, in saved and in transient assistants."""

import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final

PROMPT: Final = (files("voxanne.inbound.voice") / "prompt.md").read_text("utf-8").strip()
VARIABLES: Final = frozenset(
    {
        "clinic",
        "today",
        "weekday",
        "localTime",
        "timezone",
        "hours",
        "services",
        "practitioners",
        "language",
    }
)
_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}")
_BRACES: Final = re.compile(r"[{}]")


def fill_prompt(values: Mapping[str, str], live: Mapping[str, str]) -> str:
    """The prompt with each of VARIABLES filled in. Raises KeyError for one that isn't given.

    `values` are a clinic's own words: braces are dropped from them, since the platform reads
    `{{…}}` and `{%…%}` as Liquid. `live` are expressions that it shall work out in each call.
    """
    words = {name: _BRACES.sub("", value) for name, value in values.items()} | dict(live)
    return _PLACEHOLDER.sub(lambda found: words[found[1]], PROMPT)
