"""The demo's scene: a clinic, a phone call, a booking through the public endpoint."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import asyncpg
import click
import httpx2
from rich.panel import Panel

from voxanne.app import Deployment
from voxanne.cli.root import console
from voxanne.inbound.voice.speech import speak_date
from voxanne.postgres import organizations

CLINIC = UUID("d0000000-0000-4000-8000-000000000001")
CLINIC_NAME = "Harbor Dental"
CLINIC_ZONE = "Europe/London"
CLINIC_COUNTRY = "GB"
PATIENT = "Maya Okafor"
CALLER = "+447700900123"  # Ofcom's range for fiction
HOURS = (10, 11, 13, 14, 15, 16)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the demo's caller asks for: a day and an hour that are still free."""

    day: date
    hour: int

    @property
    def spoken_time(self) -> str:
        return f"{self.hour % 12 or 12} {'am' if self.hour < 12 else 'pm'}"


async def play_scene(opened: Deployment, address: str) -> None:
    """Seed the clinic, play the call against `address`, print what was said, sent and stored."""
    async with opened.owner() as connection:
        key = await _seed(connection)
        wish = await _free_hour(connection)
        request = _tool_call(wish)
        async with httpx2.AsyncClient(timeout=10) as client:
            reply = await client.post(
                f"{address}/api/vapi/tools/bookClinicAppointment",
                json=request,
                headers={"Authorization": f"Bearer {key}"},
            )
        if reply.status_code != 200:
            raise click.ClickException(f"The endpoint answered {reply.status_code}: {reply.text}")
        result = json.loads(reply.json()["results"][0]["result"])
        _print_call(wish, request, result)
        if not result["success"]:
            raise click.ClickException(f"The booking was refused: {result['error']}")
        await _print_row(connection, UUID(result["appointmentId"]))
    _print_curl(address, key, wish)


async def _seed(connection: asyncpg.Connection) -> str:
    """The demo's clinic, made once, and a fresh key for it; yesterday's demo keys are dropped."""
    if not await connection.fetchval("SELECT true FROM organizations WHERE id = $1", CLINIC):
        await organizations.create_organization(
            connection,
            CLINIC_NAME,
            timezone=CLINIC_ZONE,
            country=CLINIC_COUNTRY,
            organization=CLINIC,
        )
        await connection.execute(
            "UPDATE practitioners SET name = 'Dr Amara Chen' WHERE org_id = $1", CLINIC
        )
    await connection.execute(
        "DELETE FROM credentials WHERE org_id = $1 AND created_at < now() - interval '1 day'",
        CLINIC,
    )
    return await organizations.create_key(connection, CLINIC, "agent")


async def _free_hour(connection: asyncpg.Connection) -> Wish:
    """The first free hour from the day after tomorrow on, on a working day."""
    zone = ZoneInfo(CLINIC_ZONE)
    now: datetime = await connection.fetchval("SELECT current_moment()")
    rows = await connection.fetch(
        "SELECT scheduled_at FROM appointments "
        "WHERE org_id = $1 AND status IN ('held', 'confirmed') AND scheduled_at > $2",
        CLINIC,
        now,
    )
    taken = {row["scheduled_at"].astimezone(UTC) for row in rows}
    for ahead in range(2, 360):
        day = now.astimezone(zone).date() + timedelta(days=ahead)
        for hour in HOURS:
            start = datetime(day.year, day.month, day.day, hour, tzinfo=zone)
            if day.isoweekday() <= 5 and start.astimezone(UTC) not in taken:
                return Wish(day, hour)
    raise click.ClickException("The demo's diary is full. Delete VOXANNE_DATA_DIR to start afresh.")


def _tool_call(wish: Wish) -> dict[str, object]:
    """What the voice platform posts when its model decides to book."""
    return {
        "message": {
            "type": "tool-calls",
            "call": {"id": f"demo-{wish.day}-{wish.hour}", "customer": {"number": CALLER}},
            "toolCallList": [
                {
                    "id": "call_demo",
                    "type": "function",
                    "function": {
                        "name": "bookClinicAppointment",
                        "arguments": {
                            "name": PATIENT.lower(),
                            "appointmentDate": wish.day.isoformat(),
                            "appointmentTime": wish.spoken_time,
                            "serviceType": "consultation",
                        },
                    },
                }
            ],
        }
    }


def _print_call(wish: Wish, request: dict[str, object], result: dict[str, object]) -> None:
    screen = console()
    arguments = request["message"]["toolCallList"][0]["function"]["arguments"]  # type: ignore[index]
    spoken = speak_date(wish.day, today=wish.day, locale="en_GB")
    screen.print(f"\n[bold]A call to {CLINIC_NAME}[/bold]\n")
    asked = f"Could I see someone on {spoken}, {wish.spoken_time}?"
    screen.print(f"  [cyan]Caller[/cyan]  Hello, it's {PATIENT}. {asked}")
    screen.print("  [cyan]Agent[/cyan]   Of course, one moment.")
    tool = f"bookClinicAppointment {json.dumps(arguments)}"
    screen.print(f"  [dim]tool[/dim]    {tool}", soft_wrap=True)
    screen.print(f"  [dim]answer[/dim]  {json.dumps(result)}", soft_wrap=True)
    screen.print(f"  [cyan]Agent[/cyan]   {result['message']}\n")


async def _print_row(connection: asyncpg.Connection, appointment: UUID) -> None:
    row = await connection.fetchrow(
        "SELECT a.id, l.name, l.phone, a.service_type, a.scheduled_at, a.ends_at, a.status, "
        "(SELECT string_agg(kind || ' ' || d.status, ', ' ORDER BY kind) FROM deliveries d "
        " WHERE d.org_id = a.org_id AND d.appointment_id = a.id) AS deliveries "
        "FROM appointments a JOIN leads l ON l.org_id = a.org_id AND l.id = a.contact_id "
        "WHERE a.org_id = $1 AND a.id = $2",
        CLINIC,
        appointment,
    )
    assert row is not None
    lines = "\n".join(f"{name:<13} {value}" for name, value in dict(row).items())
    console().print(Panel(lines, title="the booked row, in PostgreSQL", expand=False))


def _print_curl(address: str, key: str, wish: Wish) -> None:
    body = json.dumps(
        {
            "toolCallId": "t1",
            "tool": {
                "arguments": {
                    "name": "Ada Lovelace",
                    "phone": "+447700900456",
                    "appointmentDate": wish.day.isoformat(),
                    "appointmentTime": wish.spoken_time,
                }
            },
        }
    )
    click.echo("\nAsk for the same time as somebody else (SLOT_UNAVAILABLE), or change it:\n")
    click.echo(
        f"curl -s {address}/api/vapi/tools/bookClinicAppointment \\\n"
        f"  -H 'Authorization: Bearer {key}' -H 'Content-Type: application/json' \\\n"
        f"  -d '{body}'"
    )
