"""`/openapi.json`, and `/docs` for people: a page of its own, without anybody else's scripts."""

import json
import re
from collections.abc import Iterator
from html import escape
from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.problems import STATUS, Problem
from voxanne.inbound.v1.security import ACCESS

_REFERENCE: Final = "#/components/schemas/{model}"


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the shape of problems and each operation's scopes."""
    document = app.openapi()
    schemas = document["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template=_REFERENCE, mode="serialization")
    schemas.update(problem.pop("$defs"))
    schemas["Problem"] = problem
    schemas_with_examples = list(schemas.values())
    for (method, path), scopes in ACCESS.items():
        operation = document["paths"][path][method.lower()]
        operation["x-scopes"] = sorted(scopes)
        for parameter in operation.get("parameters", []):
            parameter["schema"] = _without_null(parameter["schema"])
        if "requestBody" in operation:
            schemas_with_examples.append(_content(operation["requestBody"])["schema"])
    for schema in schemas_with_examples:
        for example in schema.get("examples", []):
            _complete(document, schema, example)
    return document


def _complete(document: dict[str, Any], schema: dict[str, Any], example: Any) -> None:
    """Put back the nulls that FastAPI drops from examples."""
    schema = _resolved(document, schema)
    if isinstance(example, list):
        for each in example:
            _complete(document, schema.get("items", {}), each)
    elif isinstance(example, dict):
        for name in schema.get("required", []):
            example.setdefault(name, None)
        for name, value in example.items():
            _complete(document, schema.get("properties", {}).get(name, {}), value)


def _resolved(document: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    schema = _without_null(schema)
    if "$ref" in schema:
        found: dict[str, Any] = document["components"]["schemas"][schema["$ref"].split("/")[-1]]
        return found
    return schema


def _content(described: dict[str, Any]) -> dict[str, Any]:
    """The JSON of a body or an answer; empty where there is none."""
    content: dict[str, Any] = described.get("content", {}).get("application/json", {})
    return content


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """Its only other kind. A parameter is there or not: its absence can't be sent as a value."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**kinds[0], **{name: value for name, value in schema.items() if name != "anyOf"}}


def page(document: dict[str, Any]) -> str:
    """The same for people, in HTML."""
    template = (files(__package__) / "docs.html").read_text()
    return (
        template.replace("{title}", escape(document["info"]["title"]))
        .replace("{version}", escape(document["info"]["version"]))
        .replace("{operations}", "\n".join(_operations(document)))
        .replace("{outcomes}", "\n".join(_outcomes()))
    )


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f'<section id="{operation["operationId"]}">'
            yield f"<h3><code>{method.upper()} {escape(path)}</code>"
            yield f"{escape(operation['summary'])}</h3>"
            if described := operation.get("description"):
                yield f"<p>{_prose(described)}</p>"
            yield f"<p>Scopes: {', '.join(operation['x-scopes'])}</p>"
            yield from _parameters(operation.get("parameters", []))
            if "requestBody" in operation:
                yield _example("Body", document, operation["requestBody"])
            yield from _responses(document, operation["responses"])
            yield "</section>"


def _parameters(parameters: list[dict[str, Any]]) -> Iterator[str]:
    if not parameters:
        return
    yield "<table><tr><th>parameter</th><th>in</th><th></th></tr>"
    for parameter in parameters:
        needed = "required. " if parameter["required"] else ""
        meaning = parameter.get("description", parameter["schema"].get("description", ""))
        yield (
            f"<tr><td><code>{escape(parameter['name'])}</code></td><td>{parameter['in']}</td>"
            f"<td>{needed}{_prose(meaning)}</td></tr>"
        )
    yield "</table>"


def _responses(document: dict[str, Any], responses: dict[str, Any]) -> Iterator[str]:
    for status, response in responses.items():
        if status < "300":
            yield _example(f"{status} {response['description']}", document, response)
    refused = [
        f"<li>{status}: {escape(response['description'])}</li>"
        for status, response in responses.items()
        if status >= "300"
    ]
    yield f"<details><summary>Refusals</summary><ul>{''.join(refused)}</ul></details>"


def _example(title: str, document: dict[str, Any], content: dict[str, Any]) -> str:
    media = _content(content)
    if not media:
        return f"<p>{escape(title)}</p>"
    text = json.dumps(example_of(document, media["schema"]), indent=2, ensure_ascii=False)
    return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"


def example_of(document: dict[str, Any], schema: dict[str, Any]) -> Any:
    """The first example of a schema: its own, or its model's; of a page the items' example."""
    if "examples" in schema:
        return schema["examples"][0]
    model = _resolved(document, schema)
    if "examples" in model:
        return model["examples"][0]
    items = model["properties"]["items"]["items"]
    return {"items": [example_of(document, items)], "next_cursor": None}


def _prose(text: str) -> str:
    return re.sub("`([^`]+)`", r"<code>\1</code>", escape(text))


def _outcomes() -> Iterator[str]:
    for outcome in Outcome:
        yield f'<li id="{outcome}"><code>{outcome}</code>: HTTP {STATUS[outcome]}</li>'
