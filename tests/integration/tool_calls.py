"""Calls of the voice tools by name, as a voice platform makes them. No test in here."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from typing import Any

from tests.integration.clinics import Api, Json, payload_of
from tests.unit import vapi_bodies as bodies

SOMEBODY_ELSE: Json = {"caller": "+447700900999", "call_id": "another-call"}
TOMORROW_AT_TEN = "2026-11-03T10:00"
NONSENSE: tuple[Any, ...] = (
    7,
    -1.5,
    True,
    [],
    ["tomorrow"],
    {"date": "tomorrow"},
    "",
    " \t ",
    "\x00",
    "Ana\x00",
    "\ud800",
    "\u202e",
    "'; DROP TABLE appointments; --",
    "{{now}}",
    "a" * 10_000,
    "9" * 40,
)

_ids = itertools.count(1)


async def use(
    api: Api,
    tool: str,
    arguments: object = None,
    *,
    headers: Mapping[str, str] | None = None,
    tool_call_id: str | None = None,
    **call: Any,
) -> Json:
    """The payload one call is answered with; a tool-call id of its own unless one is given."""
    identifier = f"call_{next(_ids)}" if tool_call_id is None else tool_call_id
    body = bodies.tool_call(identifier, tool, {} if arguments is None else arguments)
    return payload_of(await api.answer(bodies.envelope([body], **call), headers))


async def booked(api: Api, start: str = TOMORROW_AT_TEN, **more: Any) -> Json:
    """A booking by the usual caller, in a call of its own unless told."""
    call = {name: more.pop(name) for name in ("caller", "call_id", "headers") if name in more}
    call.setdefault("call_id", "an-earlier-call")
    arguments = {"name": "Maya Okafor", "scheduledAt": start, **more}
    payload = await use(api, "bookClinicAppointment", arguments, **call)
    assert payload["success"] is True, payload
    return payload


async def add_practitioner(api: Api, name: str) -> None:
    await api.value("INSERT INTO practitioners (org_id, name) VALUES ($1, $2)", api.clinic.id, name)


async def set_clinic(api: Api, **columns: object) -> None:
    for name, value in columns.items():
        await api.value(f"UPDATE organizations SET {name} = $2 WHERE id = $1", api.clinic.id, value)


@contextlib.asynccontextmanager
async def broken(api: Api, function: str) -> AsyncIterator[None]:
    """Meanwhile the SQL function raises."""
    (found,) = await api.rows(
        "SELECT pg_get_functiondef(oid) AS source, pg_get_function_arguments(oid) AS arguments, "
        "pg_get_function_result(oid) AS result FROM pg_proc WHERE proname = $1",
        function,
    )
    await api.value(
        f"CREATE OR REPLACE FUNCTION {function}({found['arguments']}) RETURNS {found['result']} "
        "LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'broken'; END $$"
    )
    try:
        yield
    finally:
        await api.value(found["source"])


async def all_rows(api: Api) -> dict[str, int]:
    """How many rows there are of all that a tool may write."""
    tables = ("leads", "appointments", "events", "deliveries", "waitlist", "messages", "alerts")
    return {table: await api.value(f"SELECT count(*) FROM {table}") for table in tables}
