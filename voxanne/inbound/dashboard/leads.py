"""People: the list, and one's history."""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from starlette.responses import JSONResponse, Response

from voxanne.booking.normalize import normalize_email, normalize_phone
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.appointment_words import STATES
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.lead_facts import find_facts, find_score
from voxanne.inbound.dashboard.lead_words import (
    TIERS,
    Reader,
    service_name,
    timeline_days,
    visit_text,
)
from voxanne.inbound.dashboard.moments import phone_text
from voxanne.inbound.dashboard.pages import HEADERS
from voxanne.inbound.dashboard.score_words import reason_line
from voxanne.inbound.dashboard.visit import Form, Visit, read_id
from voxanne.inbound.v1.problems import RefusedError
from voxanne.language.speech import locale_for

Json = dict[str, Any]

ROWS: Final = 50
LINES: Final = 50
SUGGESTIONS: Final = 10
QUERY_CHARACTERS_MAX: Final = 200
MESSAGES: Final[Mapping[str, str]] = {
    "noted": "The note is kept.",
    "note_deleted": "The note is deleted.",
    "changed": "The details are changed.",
    "unchanged": "Nothing was changed: these are the details already.",
    "retried": "It is tried again now.",
    "merged": "They are one person now.",
    "split": "They are two people now.",
    "undone": "Undone.",
    "is_merged": "This is who they were merged into.",
}
AFTER_NOBODY: Final = (
    "Whom this page came after is no longer among the leads: this is the list from its beginning."
)
# What a merge or a split is undone by: a button beside these.
UNDOABLE: Final = frozenset({"merged", "split"})
STATUSES: Final[Mapping[str, tuple[str, Mapping[str, bool]]]] = {
    "upcoming": ("Visit to come", {"upcoming": True}),
    "none": ("No visit to come", {"upcoming": False}),
    "no_show": ("Missed a visit", {"no_shows": True}),
}
CAME_BY: Final[Mapping[str, tuple[str, list[str]]]] = {
    "phone": ("Phone agent", ["voice", "mcp"]),
    "desk": ("Front desk", ["staff"]),
    "patient": ("Patient's page or text", ["link", "sms"]),
    "program": ("Another program", ["rest", "rpc", "sql", "calendar"]),
    "import": ("Former diary", ["import"]),
}
ORDERS: Final[Mapping[str, str]] = {"newest": "Newest first", "score": "Score", "name": "Name"}
FIELDS: Final = ("name", "email", "birth_date")


async def show_list(visit: Visit) -> Response:
    asked = _asked(visit.form)
    problem = None
    since = _day(asked["since"])
    if asked["since"] and since is None:
        problem = "“First seen since” must be a day, such as 2026-11-25."
    after = read_id(visit.form.get("after"))
    try:
        found = await _search(visit, asked, since, after=after, limit=ROWS)
    except RefusedError as refused:
        if after is None or refused.details.get("where") != "after":
            raise
        after, problem = None, AFTER_NOBODY
        found = await _search(visit, asked, since, limit=ROWS)
    await visit.saw("leads", "list")
    rest = {name: said for name, said in asked.items() if said}
    more = found["after_id"]
    return visit.page(
        "leads/list.html",
        title="Leads",
        problem=problem,
        message=MESSAGES.get(visit.form.get("done")),
        asked=asked,
        rows=[_row(visit, item) for item in found["items"]],
        is_filtered=any(said for name, said in asked.items() if name != "order"),
        is_first=after is None,
        first=f"?{urlencode(rest)}" if rest else visit.request.url.path,
        more=f"?{urlencode(rest | {'after': more})}" if more else None,
        tiers={tier: tier.capitalize() for tier in TIERS},
        statuses={key: said for key, (said, _) in STATUSES.items()},
        sources={key: said for key, (said, _) in CAME_BY.items()},
        orders=ORDERS,
    )


async def search(visit: Visit) -> Response:
    """For a script: at most ten, the newest first."""
    found = await find_people(visit, visit.form.get("q"))
    people = [
        {"lead_id": each["lead_id"], "name": each["name"], "phone": phone_text(each["phone"])}
        for each in found
    ]
    for each in people:
        await visit.saw("lead", each["lead_id"])
    return JSONResponse(people, headers=HEADERS)


async def find_people(visit: Visit, said: str) -> list[Json]:
    """Whom the words could mean; nobody, for none."""
    if not said:
        return []
    asked = {**_asked(Form()), "q": said[:QUERY_CHARACTERS_MAX]}
    found: list[Json] = (await _search(visit, asked, None, limit=SUGGESTIONS))["items"]
    return found[:SUGGESTIONS]


async def show(visit: Visit) -> Response:
    done = visit.form.get("done")
    change = read_id(visit.form.get("change")) if done in UNDOABLE else None
    return await lead_page(
        visit, message=None if change else MESSAGES.get(done), undo=(MESSAGES.get(done), change)
    )


async def edit(visit: Visit) -> Response:
    lead_id = visit.id("lead")
    typed = {name: visit.form.get(name) for name in FIELDS}
    view = await _kept(visit, lead_id)
    stored = {name: view["lead"][name] or "" for name in FIELDS}
    changes = {name: typed[name] or None for name in FIELDS if typed[name] != stored[name]}
    errors = _errors(changes)
    version = visit.form.get("version")
    stale = version != str(view["lead"]["version"])
    if changes and not errors and not stale:
        try:
            answer = await visit.do(
                "lead_changed",
                ("lead", lead_id),
                "save_lead",
                lead_id=lead_id,
                changes=json.dumps(changes),
                version=int(version),
            )
        except RefusedError as refused:
            stale = refused.outcome is Outcome.STALE_VERSION
            if not stale:
                errors = _refused_field(refused)
        else:
            return visit.done(
                f"/leads/{lead_id}", done="changed", version=answer["lead"]["version"]
            )
    if stale:
        return await _stale(visit, typed)
    if not errors:
        return visit.done(f"/leads/{lead_id}", done="unchanged", version=view["lead"]["version"])
    if visit.wants_json:
        where, sentence = next(iter(errors.items()))
        raise RefusedError(Outcome.INVALID_ARGUMENTS, sentence, {"where": where})
    return await lead_page(visit, status=422, opened="edit", typed=typed, errors=errors)


async def lead_page(
    visit: Visit,
    *,
    status: int = 200,
    message: str | None = None,
    problem: str | None = None,
    undo: tuple[str | None, UUID | None] = (None, None),
    opened: str = "",
    typed: Mapping[str, str] | None = None,
    sent: Mapping[str, Any] | None = None,
    errors: Mapping[str, str] | None = None,
) -> Response:
    """`opened`: the form that was posted, with what was `typed` into the details or `sent` by
    another, and what's wrong with it, by field or form.
    """
    lead_id = visit.id("lead")
    view = await visit.call("lead_view", lead_id=lead_id)
    if view["merged_into"]:
        return visit.done(f"/leads/{view['merged_into']}", done="is_merged")
    is_get = visit.request.method == "GET"
    timeline = await visit.call(
        "lead_timeline", lead_id=lead_id, limit=LINES, **(_before(visit.form) if is_get else {})
    )
    await visit.saw("lead", lead_id)
    lead, member = view["lead"], visit.member
    reader = Reader(lead["name"], str(member.staff_id), member.may("owner"), member.may("staff"))
    find = visit.form.get("find") if is_get else ""
    return visit.page(
        "leads/page.html",
        title=lead["name"],
        status=status,
        message=message,
        problem=problem,
        undo=undo,
        lead=lead,
        view=view,
        facts=await find_facts(visit, view),
        score=_score(await find_score(visit, lead_id)),
        upcoming=[_visit(visit, each) for each in view["history"]["upcoming"]],
        appointments=[_visit(visit, each) for each in view["appointments"]],
        changes=[_change(visit, each) for each in view["relations"]["changes"]],
        days=timeline_days(timeline["items"], visit.when, reader),
        earlier=_earlier(timeline),
        is_newest="before" not in visit.form.values or not is_get,
        opened=opened or ("merge" if find else ""),
        typed=typed or {name: lead[name] or "" for name in FIELDS},
        sent={"body": "", "name": "", "other": "", "appointments": []} | dict(sent or {}),
        errors=errors or {},
        find=find,
        others=await _others(visit, view, find),
    )


async def _kept(visit: Visit, lead_id: UUID) -> Json:
    """Raises RefusedError: whoever was merged is changed as the kept one."""
    view = await visit.call("lead_view", lead_id=lead_id)
    if view["merged_into"]:
        raise RefusedError(
            Outcome.STALE_VERSION, "They were merged into somebody else in the meantime."
        )
    return view


async def _stale(visit: Visit, typed: Mapping[str, str]) -> Response:
    """What is stored now beside what was typed. Sent once more, it is taken."""
    lead = (await _kept(visit, visit.id("lead")))["lead"]
    sentence = "Somebody else changed these details in the meantime."
    if visit.wants_json:
        current = {name: lead[name] for name in (*FIELDS, "version")}
        raise RefusedError(
            Outcome.STALE_VERSION, sentence, {"version": lead["version"], "current": current}
        )
    errors = {
        name: f"Now: {lead[name] or 'none'}" for name in FIELDS if (lead[name] or "") != typed[name]
    }
    return await lead_page(
        visit,
        status=409,
        problem=f"{sentence} What you typed is still in the form: check it, and save again.",
        opened="edit",
        typed=typed,
        errors=errors,
    )


def _errors(changes: Mapping[str, str | None]) -> dict[str, str]:
    email, born = changes.get("email"), changes.get("birth_date")
    errors = {}
    if "name" in changes and not changes["name"]:
        errors["name"] = "A name is needed."
    if email and normalize_email(email) is None:
        errors["email"] = "That is no e-mail address."
    if born and _day(born) is None:
        errors["birth_date"] = "A day, such as 1990-02-28."
    return errors


def _refused_field(refused: RefusedError) -> dict[str, str]:
    """Raises the refusal when it isn't about a field."""
    match refused.outcome:
        case Outcome.INVALID_NAME:
            return {"name": "That can't be a name."}
        case Outcome.NEEDS_CONFIRMATION:
            return {"name": "This number has somebody of that name already: merge them instead."}
        case Outcome.INVALID_EMAIL:
            return {"email": "That is no e-mail address."}
        case Outcome.INVALID_DATE:
            return {"birth_date": "Nobody was born on that day."}
    raise refused


async def _search(
    visit: Visit,
    asked: Mapping[str, str],
    since: date | None,
    *,
    after: UUID | None = None,
    limit: int,
) -> Json:
    clinic = visit.clinic
    phone = normalize_phone(asked["q"], locale_for(clinic.country, clinic.timezone)[1])
    filters = STATUSES[asked["status"]][1] if asked["status"] else {}
    return await visit.call(
        "search_leads",
        query=asked["q"],
        phone=phone.e164 if phone else None,
        tier=asked["tier"] or None,
        sources=CAME_BY[asked["source"]][1] if asked["source"] else None,
        since=None if since is None else datetime.combine(since, time(), clinic.zone),
        order=asked["order"] or "newest",
        after_id=after,
        limit=limit,
        **filters,
    )


def _asked(form: Form) -> dict[str, str]:
    """The filters of the address; those that can't be are none."""
    known: Mapping[str, Mapping[str, object]] = {
        "tier": TIERS,
        "status": STATUSES,
        "source": CAME_BY,
        "order": ORDERS,
    }
    asked = {name: form.get(name) for name in known}
    return {
        "q": form.get("q")[:QUERY_CHARACTERS_MAX],
        "since": form.get("since"),
        **{name: said if said in known[name] else "" for name, said in asked.items()},
    }


def _row(visit: Visit, item: Json) -> Json:
    next_, last = item["next"], item["last_visit_at"]
    return item | {
        "score": _score(item),
        "next_text": "" if next_ is None else visit.when.moment(next_["scheduled_at"]),
        "next_title": "" if next_ is None else visit_text(next_, visit.when),
        "last_text": "" if last is None else visit.when.short_day(last),
        "first_text": visit.when.short_day(item["created_at"]),
    }


def _score(scored: Mapping[str, Any] | None) -> Json | None:
    if scored is None or scored["score"] is None:
        return None
    return {
        "score": scored["score"],
        "tier": scored["tier"],
        "tone": TIERS[scored["tier"]],
        "reasons": [reason_line(each) for each in scored["reasons"]],
    }


def _visit(visit: Visit, booked: Json) -> Json:
    state, tone = STATES[booked["status"]]
    starts, ends = (datetime.fromisoformat(booked[name]) for name in ("scheduled_at", "ends_at"))
    return booked | {
        "state": state,
        "tone": tone,
        "text": visit_text(booked, visit.when),
        "moment": f"{visit.when.day(starts)}, {visit.when.time(starts)}",
        "service": service_name(booked),
        "minutes": round((ends - starts).total_seconds() / 60),
    }


def _change(visit: Visit, change: Json) -> Json:
    return change | {"at": visit.when.moment(change["created_at"])}


async def _others(visit: Visit, view: Json, find: str) -> list[Json]:
    """Who could be the same person: those asked for, or else the household and namesakes."""
    if find:
        group = {view["lead"]["id"], *(each["lead_id"] for each in view["relations"]["members"])}
        return [each for each in await find_people(visit, find) if each["lead_id"] not in group]
    relations = view["relations"]
    return [*relations["household"], *relations["alike"]]


def _before(form: Form) -> dict[str, object]:
    """Where the timeline's page begins; at its beginning, where the address doesn't say."""
    try:
        at = datetime.fromisoformat(form.get("before"))
    except ValueError:
        return {}
    return {"before_at": at, "before_key": form.get("key")} if at.tzinfo is not None else {}


def _earlier(timeline: Json) -> str | None:
    if timeline["before_at"] is None:
        return None
    place = {"before": timeline["before_at"], "key": timeline["before_key"]}
    return f"?{urlencode(place)}#timeline"


def _day(said: str) -> date | None:
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None


PAGES: Final[list[Page]] = [
    Page("GET", "/leads", "read_only", show_list),
    Page("GET", "/leads/search", "read_only", search),
    Page("GET", "/leads/{lead}", "read_only", show),
    Page("POST", "/leads/{lead}/edit", "staff", edit),
]
