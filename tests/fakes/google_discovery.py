"""Google's own description of Calendar v3 as a gate: every request and answer must fit it.

`google_calendar_v3.json` is the discovery document that the wheel google-api-python-client 2.202.0
brings (googleapiclient/discovery_cache/documents/calendar.v3.json), unchanged; Apache License 2.0,
© Google LLC. The wheel itself is 137 MB on disk. No test in here.
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.fakes.google_calendar import Exchanged

DOCUMENT = Path(__file__).with_name("google_calendar_v3.json")
PLAIN: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "boolean": bool,
    "integer": int,
    "number": (int, float),
}

Json = dict[str, Any]


@lru_cache(maxsize=1)
def document() -> Json:
    read: Json = json.loads(DOCUMENT.read_text())
    return read


def contract_breaks(exchanged: Exchanged) -> list[str]:
    """What in the exchange isn't as Google describes it; empty: it all is."""
    method = _method(exchanged)
    if method is None:
        return [f"there is no {exchanged.method} {exchanged.path}"]
    known = method.get("parameters", {}) | document()["parameters"]
    breaks = [f"unknown parameter {name}" for name in exchanged.query if name not in known]
    breaks += _required(method, exchanged)
    if "request" in method:
        breaks += _differences(exchanged.sent or {}, method["request"], "request")
    elif exchanged.sent is not None:
        breaks.append("a body where none belongs")
    if exchanged.status == 200 and "response" in method:
        breaks += _differences(exchanged.answered or {}, method["response"], "response")
    return [f"{method['id']}: {each}" for each in breaks]


def _method(exchanged: Exchanged) -> Json | None:
    for resource in document()["resources"].values():
        for method in resource["methods"].values():
            pattern = re.sub(r"\{\w+\}", "[^/]+", method["path"])
            matches = re.fullmatch(pattern, exchanged.path.strip("/"))
            if matches and method["httpMethod"] == exchanged.method:
                found: Json = method
                return found
    return None


def _required(method: Json, exchanged: Exchanged) -> Iterator[str]:
    for name, parameter in method.get("parameters", {}).items():
        in_query = parameter.get("required") and parameter["location"] == "query"
        if in_query and name not in exchanged.query:
            yield f"missing parameter {name}"


def _differences(value: Any, schema: Json, place: str) -> Iterator[str]:
    if "$ref" in schema:
        schema = document()["schemas"][schema["$ref"]]
    kind = schema["type"]
    if kind in PLAIN:
        if not isinstance(value, PLAIN[kind]):
            yield f"{place} is no {kind}"
    elif kind == "array":
        for each in value:
            yield from _differences(each, schema["items"], f"{place}[]")
    elif kind == "object":
        known = schema.get("properties", {})
        for name, each in value.items():
            if name in known:
                yield from _differences(each, known[name], f"{place}.{name}")
            elif "additionalProperties" in schema:
                yield from _differences(each, schema["additionalProperties"], f"{place}.{name}")
            else:
                yield f"{place}.{name} is unknown"
