"""A person's export, put together of its pages. docs/reference/person-export.md describes it."""

from collections.abc import Awaitable, Callable
from typing import Any

Json = dict[str, Any]


async def whole_export(first: Json, page_after: Callable[[str], Awaitable[Json]]) -> Json:
    """`first`: what export_person answered; `page_after`: its answer after a call. Raises what
    `page_after` raises.
    """
    document = {name: value for name, value in first.items() if name != "success"}
    calls, after = list(document["calls"]), document.pop("next_call")
    while after is not None:
        page = await page_after(after)
        calls += page["calls"]
        after = page["next_call"]
    return document | {"calls": calls}
