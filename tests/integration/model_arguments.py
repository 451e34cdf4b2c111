"""Arguments as a model may write them: after the schema, or anything. No test in here."""

from typing import Any

from hypothesis import strategies as st

from voxanne.inbound.voice.schemas import TOOL_SCHEMAS

Json = dict[str, Any]

PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=60)
NONSENSE = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3), max_leaves=4)
SAID = st.sampled_from(
    [
        "tomorrow",
        "Thursday",
        "2026-11-26",
        "2026-11-26T10:00",
        "1984-02-29",
        "3 pm",
        "any",
        "consultation",
        "Maya Okafor",
        "a0000000-0000-4000-8000-000000000001",
    ]
)
NAMES = sorted(
    {
        str(name)
        for schema in TOOL_SCHEMAS
        for name in schema.parameters["properties"]  # type: ignore[attr-defined]
    }
)


def like(schema: Json) -> st.SearchStrategy[object]:
    """What a model may write for an argument: as described, or anything."""
    if schema["type"] == "integer":
        return st.integers(schema["minimum"], schema["maximum"]) | NONSENSE
    return st.sampled_from(schema.get("enum", ["x"])) | SAID | NONSENSE


def arguments_of(parameters: Json) -> st.SearchStrategy[Json]:
    properties = {name: like(schema) for name, schema in parameters["properties"].items()}
    return st.builds(
        lambda known, unknown: {**unknown, **known},
        st.fixed_dictionaries({}, optional=properties),
        st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=9), NONSENSE, max_size=2),
    )
