"""One request of somebody who is signed in: who, at which clinic, and what they may do with it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from voxanne.booking import functions
from voxanne.inbound.dashboard.moments import Moments
from voxanne.inbound.dashboard.pages import redirect, render
from voxanne.inbound.http import note
from voxanne.inbound.v1.problems import RefusedError
from voxanne.inbound.v1.security import Services
from voxanne.language.speech import locale_for

Role = Literal["owner", "staff", "read_only"]
RANK: Final[Mapping[Role, int]] = {"read_only": 0, "staff": 1, "owner": 2}


@dataclass(frozen=True, slots=True)
class Form:
    """What was sent: of a GET its query, of a POST its fields."""

    values: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def get(self, name: str, default: str = "") -> str:
        """The last value of that name, without space around it."""
        return self.values[name][-1].strip() if self.values.get(name) else default

    def all(self, name: str) -> list[str]:
        return [value.strip() for value in self.values.get(name, ())]


@dataclass(frozen=True)
class Clinic:
    """The clinic whose page it is. `now` is the deployment's clock at the request, UTC; `place` is
    where the event log was then.
    """

    id: UUID
    name: str
    timezone: str
    country: str | None
    language: str
    now: datetime
    attention: int
    place: str

    @cached_property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    @property
    def today(self) -> date:
        return self.now.astimezone(self.zone).date()

    @cached_property
    def locale(self) -> str:
        """As Babel names it: `en_GB`."""
        return locale_for(self.country, self.timezone, self.language)[0]


@dataclass(frozen=True, slots=True)
class Member:
    """Who is signed in. `role` is theirs at this clinic."""

    staff_id: UUID
    session_id: UUID
    email: str
    name: str
    role: Role
    clinics: Sequence[Mapping[str, str]]

    def may(self, role: Role) -> bool:
        return RANK[self.role] >= RANK[role]


@dataclass(frozen=True)
class Visit:
    """What a page's handler is given. `csrf` belongs into every form that posts; `is_allowed` asks
    once more whether the page may be seen, for what lasts.
    """

    services: Services
    request: Request
    clinic: Clinic
    member: Member
    form: Form
    csrf: str
    nonce: str
    is_allowed: Callable[[], Awaitable[bool]]

    @property
    def root(self) -> str:
        """Where the clinic's pages begin: `/clinic/{id}`."""
        return f"/clinic/{self.clinic.id}"

    @property
    def wants_json(self) -> bool:
        """A script asks, and wants to be answered as one."""
        return wants_json(self.request)

    @cached_property
    def when(self) -> Moments:
        """How this clinic writes dates and times."""
        return Moments(self.clinic.zone, self.clinic.locale, self.clinic.today)

    def id(self, name: str) -> UUID:
        """The id in the address. The guard has seen to it that it is one."""
        return UUID(self.request.path_params[name])

    async def call(self, function: str, **parameters: object) -> dict[str, Any]:
        """What a SQL function answers about this clinic, by its parameters without their `p_`.

        Raises RefusedError for a refusal, which the guard turns into a page or a problem.
        """
        return _accepted(
            self.request,
            await functions.call(self.services.database, function, self._named(parameters)),
        )

    async def do(
        self,
        action: str,
        subject: tuple[str, object | None],
        function: str,
        **parameters: object,
    ) -> dict[str, Any]:
        """The same for what changes something: its row in the audit log is written with it.

        `action` in the past tense (`appointment_moved`); `subject`: its kind and id, None where the
        answer has it as `{kind}_id`. Raises RefusedError.
        """
        kind, subject_id = subject
        answer = await functions.call_audited(
            self.services.database,
            function,
            self._named(parameters),
            functions.Audit(
                self.clinic.id,
                self.member.staff_id,
                self.member.email,
                action,
                kind,
                None if subject_id is None else str(subject_id),
            ),
        )
        return _accepted(self.request, answer)

    async def saw(self, kind: str, subject_id: object) -> None:
        """Written down: a patient's details were looked at."""
        await self.services.database.fetch_value(
            "SELECT note_viewing($1, $2, $3, $4, $5)",
            self.clinic.id,
            self.member.staff_id,
            self.member.email,
            kind,
            str(subject_id),
        )

    def page(self, template: str, *, title: str, status: int = 200, **values: Any) -> Response:
        """A page of this clinic; with a `message`, or a `problem`, above it."""
        values = {"message": None, "problem": None, **values}
        return render(
            template, self.nonce, status, title=title, visit=self, csrf=self.csrf, **values
        )

    def done(self, path: str, *, done: str | None = None, **answer: object) -> Response:
        """After a change: to a page of this clinic, which shows `done`'s sentence; `answer` for a
        script.
        """
        if self.wants_json:
            return JSONResponse({"success": True, **answer})
        joint = "&" if "?" in path else "?"
        return redirect(f"{self.root}{path}" + (f"{joint}done={done}" if done else ""))

    def _named(self, parameters: Mapping[str, object]) -> dict[str, object]:
        return {
            "p_org_id": self.clinic.id,
            **{f"p_{name}": value for name, value in parameters.items()},
        }


def _accepted(request: Request, answer: dict[str, Any]) -> dict[str, Any]:
    if not answer.get("success", True):
        note(request, outcome=str(answer["error"]))
        raise RefusedError.by(answer)
    return answer


def wants_json(request: Request) -> bool:
    return "application/json" in request.headers.get("accept", "")


def read_id(said: str) -> UUID | None:
    """None of what is no id."""
    try:
        return UUID(said)
    except ValueError:
        return None


def read_moment(said: str) -> datetime:
    """An instant as SQL's JSON has it, in UTC."""
    return datetime.fromisoformat(said).astimezone(UTC)
