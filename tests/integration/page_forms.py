"""Pages as a browser without scripts reads them: their forms, their words. No test in here."""

from collections.abc import Mapping
from typing import Any
from xml.etree.ElementTree import Element

import html5lib

from tests.integration.front_desk import Desk

Fields = dict[str, Any]


def parse(html: str) -> Element:
    """Raises for what isn't HTML as it is specified."""
    parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
    root: Element = parser.parse(html)
    return root


def words(html: str) -> str:
    """Everything that is read on the page, without the space between."""
    return " ".join(" ".join(_body(html).itertext()).split())


def form(html: str, action: str) -> Fields:
    """What the form whose action ends so would send, without its token and its buttons."""
    (found,) = (
        each for each in parse(html).iter("form") if each.get("action", "").endswith(action)
    )
    fields: Fields = {}
    for element in found.iter():
        name = element.get("name")
        if not name or name == "csrf" or element.tag == "button":
            continue
        for value in _values(element):
            fields.setdefault(name, []).append(value)
    return fields


def error_beside(html: str, name: str) -> str | None:
    """The words beside a field; None where there are none. The field must point to them."""
    found = [each for each in parse(html).iter() if each.get("id") == f"e-{name}"]
    if not found:
        return None
    (field,) = (each for each in parse(html).iter() if each.get("name") == name)
    assert field.get("aria-invalid") == "true"
    assert f"e-{name}" in (field.get("aria-describedby") or "").split()
    return " ".join("".join(found[0].itertext()).split())


async def submit(
    desk: Desk, page: str, changes: Mapping[str, Any] | None = None, *, action: str | None = None
) -> Any:
    """Opens the page, fills in `changes`, and sends its form. None: a box that is unticked."""
    opened = await desk.get(page)
    assert opened.status_code == 200, opened.text
    fields = {**form(opened.text, action or page), **(changes or {})}
    sent = {name: value for name, value in fields.items() if value is not None}
    return await desk.post(action or page, sent)


def _body(html: str) -> Element:
    (body,) = parse(html).iter("main")
    return body


def _values(element: Element) -> list[str]:
    if element.tag == "textarea":
        return [element.text or ""]
    if element.tag == "select":
        options = list(element.iter("option"))
        chosen = [each for each in options if each.get("selected") is not None] or options[:1]
        return [each.get("value") or "" for each in chosen]
    if element.get("type") in ("checkbox", "radio"):
        return [element.get("value") or "on"] if element.get("checked") is not None else []
    return [element.get("value") or ""] if element.tag == "input" else []
