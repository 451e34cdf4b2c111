"""`/a/{token}`: what a patient sees and does behind the link in a message.

The token is all that is asked for, and it is enough: it has 96 random bits (0003_outbox.up.sql), so
that a million guesses a second against a million links would find one after 2**96 / 2 / 10**12
seconds, a billion years. A network that guesses is made to wait all the same.

GETs change nothing: phones and mail filters open links by themselves.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial
from importlib.resources import files
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from voxanne.booking import functions
from voxanne.booking.outcomes import Outcome
from voxanne.calendar_files.events import (
    CONTENT_TYPE,
    Party,
    appointment_event,
    appointment_uid,
    calendar,
)
from voxanne.inbound.http import BodyTooLargeError, describe, get, note, post, read_fields
from voxanne.inbound.patient import words
from voxanne.inbound.patient.pages import HEADERS, redirect, render, render_message
from voxanne.inbound.patient.shown import Shown, find_shown
from voxanne.inbound.patient.times import (
    Choice,
    find_times,
    read_choice,
    read_choices,
    read_day,
)
from voxanne.inbound.rates import Rates, network_of
from voxanne.language.catalogue import ENGLISH, known_language
from voxanne.postgres.pool import DatabaseBusyError

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16}")
FORM_BYTES_MAX: Final = 4_096
FORM_FIELDS_MAX: Final = 10
SOURCE: Final = "link"
STYLE_HEADERS: Final = {
    "cache-control": "public, max-age=3600",
    "x-content-type-options": "nosniff",
}

Form = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Visit:
    """One request for a page that exists. `place`: the root, as seen from its address; `form`:
    what was sent, of a GET its query.
    """

    shown: Shown
    token: str
    place: str
    form: Form

    @property
    def page(self) -> str:
        return f"{self.place}/a/{self.token}"

    @property
    def version(self) -> int:
        """The one that was seen; 0, which none is, for nonsense."""
        said = self.form.get("version", "")
        return int(said) if re.fullmatch(r"[1-9][0-9]{0,8}", said) else 0


Answer = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class PatientPages:
    """The pages. `public_url`: the address outsiders use, where a proxy stands before us;
    `wait_seconds`: longest wait for the database in one request.
    """

    database: functions.Database
    wait_seconds: float
    rates: Rates
    public_url: str | None = None

    def routes(self) -> list[Route]:
        here: list[tuple[str, Callable[[str, Callable[..., Any]], Route], Answer]] = [
            ("", get, self.show),
            ("/appointment.ics", get, self.download),
            ("/move", get, self.choose),
            ("/move", post, self.move),
            ("/cancel", get, self.ask),
            ("/cancel", post, self.cancel),
            ("/confirm", post, self.confirm),
            ("/accept", post, self.accept),
            ("/decline", post, self.decline),
        ]
        return [
            *(
                made("/a/{token}" + path, partial(self._answer, answer, ".." + "/.." * bool(path)))
                for path, made, answer in here
            ),
            get("/patient.css", _style),
        ]

    # What is seen

    async def show(self, visit: Visit) -> Response:
        message = words.done_sentence(visit.shown, visit.form.get("done"))
        return _appointment(visit, message=message)

    async def download(self, visit: Visit) -> Response:
        """The calendar entry: the same one, by its UID, that e-mails carry."""
        shown = visit.shown
        if shown.state not in ("booked", "cancelled", "over"):
            return _nowhere(shown.language, visit.place)
        event = appointment_event(
            uid=appointment_uid(shown.id),
            starts_at=shown.starts_at,
            ends_at=shown.ends_at,
            zone=shown.zone,
            title=words.calendar_title(shown),
            stamped_at=shown.updated_at,
            version=shown.version,
            cancelled=shown.state == "cancelled",
            location=shown.address,
            organizer=Party(shown.email, shown.clinic) if shown.email else None,
        )
        headers = {**HEADERS, "content-disposition": 'attachment; filename="appointment.ics"'}
        file = calendar([event], shown.zone, "PUBLISH" if shown.email else None)
        return Response(file.to_ical(), media_type=CONTENT_TYPE, headers=headers)

    async def choose(self, visit: Visit) -> Response:
        """Days and free times; with a time that was chosen, whether it is to be."""
        shown, form = visit.shown, visit.form
        if shown.state != "booked":
            return _appointment(visit)
        if "time" not in form:
            missing = Outcome.INVALID_DATE if "chosen" in form else None
            return await self._times(visit, missing)
        choice = read_choice(shown, form["time"])
        if choice is None:
            return await self._times(visit, Outcome.INVALID_DATE)
        starts_at, practitioner_id = choice
        found = await find_times(self.database, shown, starts_at.date(), practitioner_id)
        names = {one.starts_at: one.practitioner for one in found.choices} if found else {}
        if starts_at not in names:
            return await self._times(visit, Outcome.SLOT_UNAVAILABLE, day=starts_at.date())
        return _render(
            visit,
            "confirm_move.html",
            heading=words.labels(shown.language)["move_question"],
            starts_at=starts_at,
            practitioner=names[starts_at],
            version=visit.version or shown.version,
            time=form["time"],
        )

    async def ask(self, visit: Visit) -> Response:
        if visit.shown.state != "booked":
            return _appointment(visit)
        heading = words.labels(visit.shown.language)["cancel_question"]
        return _render(visit, "cancel.html", heading=heading)

    # What is done

    async def confirm(self, visit: Visit) -> Response:
        answer = await self._call(
            visit, "confirm_by_patient", appointment_id=visit.shown.id, version=visit.version
        )
        return await self._done(visit, answer, "confirmed")

    async def move(self, visit: Visit) -> Response:
        choice = read_choice(visit.shown, visit.form.get("time", ""))
        if choice is None:
            return await self._times(visit, Outcome.INVALID_DATE)
        starts_at, practitioner_id = choice
        answer = await self._call(
            visit,
            "reschedule_appointment",
            appointment_id=visit.shown.id,
            scheduled_at=starts_at,
            practitioner_id=practitioner_id,
            version=visit.version,
        )
        if "alternatives" in answer:
            return await self._times(
                visit,
                Outcome(answer["error"]),
                read_choices(visit.shown, answer["alternatives"]),
                starts_at.date(),
            )
        return await self._done(visit, answer, "moved")

    async def cancel(self, visit: Visit) -> Response:
        answer = await self._call(
            visit, "cancel_appointment", appointment_id=visit.shown.id, version=visit.version
        )
        return await self._done(visit, answer, "cancelled")

    async def accept(self, visit: Visit) -> Response:
        return await self._answer_offer(visit, "accept_offer", "accepted")

    async def decline(self, visit: Visit) -> Response:
        return await self._answer_offer(visit, "decline_offer", "declined")

    async def _answer_offer(self, visit: Visit, function: str, done: str) -> Response:
        shown = visit.shown
        if shown.waitlist_id is None:  # sent twice, or too late: the page says how it stands
            return redirect(visit.page)
        answer = await self._call(visit, function, waitlist_id=shown.waitlist_id, hold_id=shown.id)
        return await self._done(visit, answer, done)

    # How

    async def _answer(self, answer: Answer, place: str, request: Request) -> Response:
        """Find whose page it is and answer; whatever goes wrong is a page too."""
        language = _wished_language(request)
        token, network = request.path_params["token"], network_of(request)
        seconds = self.rates.link_wait_seconds(token, network)
        if seconds:
            return _too_many(language, place, seconds)
        try:
            async with asyncio.timeout(self.wait_seconds):
                shown = await find_shown(self.database, token) if TOKEN.fullmatch(token) else None
                self.rates.count_link(token, network, holds=shown is not None)
                if shown is None:
                    return _nowhere(language, place)
                language = shown.language
                note(request, org_id=str(shown.organization))
                visit = Visit(shown, token, place, await _form(request))
                if request.method == "POST" and self._is_from_elsewhere(request):
                    return _appointment(visit, words.wrong_origin(language), 403)
                return await answer(visit)
        except ClientDisconnect:
            raise
        except BodyTooLargeError:
            return _sorry(language, Outcome.INVALID_ARGUMENTS, place, 413)
        except (DatabaseBusyError, TimeoutError):
            return _sorry(language, Outcome.BUSY, place, 503)
        except Exception as error:
            # Its text may hold a patient's details, so only its type and place are logged.
            note(request, bug=describe(error))
            return _sorry(language, Outcome.INTERNAL_ERROR, place, 500)

    def _is_from_elsewhere(self, request: Request) -> bool:
        """Another site's form. Browsers say so; with no-referrer they send `Origin: null`, and
        those too old for Sec-Fetch-Site nothing more. What says nothing is let in: whoever could
        write such a form would know the token, and with it could ask directly.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site != "same-origin"
        origin = request.headers.get("origin", "null")
        own = {request.headers.get("host")}
        if self.public_url is not None:
            own.add(urlsplit(self.public_url).netloc)
        try:
            return origin != "null" and urlsplit(origin).netloc not in own
        except ValueError:  # no URL, and no browser's
            return True

    async def _call(self, visit: Visit, function: str, **arguments: object) -> dict[str, Any]:
        given = {f"p_{name}": value for name, value in arguments.items()}
        given |= {"p_org_id": visit.shown.organization, "p_source": SOURCE}
        return await functions.call(self.database, function, given)

    async def _done(self, visit: Visit, answer: Mapping[str, Any], done: str) -> Response:
        """Back to the page, or the page as it stands now and why it wasn't done."""
        if answer["success"]:
            return redirect(f"{visit.page}?done={done}")
        now = await find_shown(self.database, visit.token)
        if now is None:
            return _nowhere(visit.shown.language, visit.place)
        message = words.refused_sentence(now.language, Outcome(answer["error"]))
        return _appointment(replace(visit, shown=now), message, 409)

    async def _times(
        self,
        visit: Visit,
        refused: Outcome | None = None,
        alternatives: Sequence[Choice] = (),
        day: date | None = None,
    ) -> Response:
        """The page of free times: those that were answered instead, or those from a day on."""
        shown, form = visit.shown, visit.form
        anybody = shown.practitioner is None or form.get("with") == "anybody"
        times = None
        if not alternatives:
            day = day or read_day(shown, form.get("day"))
            same = None if anybody else shown.practitioner_id
            times = await find_times(self.database, shown, day, same)
            if times is None and not anybody:
                anybody = True  # whom it is with doesn't give it any more
                times = await find_times(self.database, shown, day, None)
            if times is None:
                message = words.refused_sentence(shown.language, Outcome.UNKNOWN_SERVICE)
                return _appointment(visit, message, 409)
        return _render(
            visit,
            "move.html",
            heading=words.labels(shown.language)["move_heading"],
            message=words.refused_sentence(shown.language, refused) if refused else None,
            status=409 if refused else 200,
            times=times,
            anybody=anybody,
            alternatives=alternatives,
            nothing=words.nothing_free(shown, times, anybody) if times else None,
            describe=partial(words.describe_choice, shown, named=anybody, dated=bool(alternatives)),
        )


async def _form(request: Request) -> Form:
    """The query of a GET, the fields of a POST; the last of each name. Raises BodyTooLargeError."""
    try:
        fields = await read_fields(request, FORM_BYTES_MAX, FORM_FIELDS_MAX)
    except ValueError:  # too many
        return {}
    return {name: values[-1] for name, values in fields.items()}


def _render(visit: Visit, template: str, **values: Any) -> Response:
    return render(template, visit.shown, visit.place, page=visit.page, **values)


def _appointment(visit: Visit, message: str | None = None, status: int = 200) -> Response:
    return _render(
        visit,
        "appointment.html",
        message=message,
        status=status,
        state_sentence=words.state_sentence(visit.shown),
    )


def _nowhere(language: str, place: str) -> Response:
    heading, text = words.no_such_link(language)
    return render_message(language, heading, text, place, 404)


def _sorry(language: str, outcome: Outcome, place: str, status: int) -> Response:
    text = words.refused_sentence(language, outcome)
    return render_message(language, words.sorry(language), text, place, status)


def _too_many(language: str, place: str, seconds: int) -> Response:
    answer = _sorry(language, Outcome.RATE_LIMITED, place, 429)
    answer.headers["retry-after"] = str(seconds)
    return answer


def _wished_language(request: Request) -> str:
    """Of whoever asks, as long as no clinic is known."""
    wishes = request.headers.get("accept-language", "")[:200].split(",")
    known = (known_language(wish.partition(";")[0]) for wish in wishes)
    return next((language for language in known if language), ENGLISH)


async def _style(_request: Request) -> Response:
    text = (files(__package__) / "patient.css").read_text("utf-8")
    return Response(text, media_type="text/css", headers=STYLE_HEADERS)
