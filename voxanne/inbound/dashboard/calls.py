"""Calls: what was said, done and promised."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

from starlette.responses import Response

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard import call_words
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.moments import CALL_SLASH, call_path
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.v1.problems import RefusedError
from voxanne.inbound.v1.security import given
from voxanne.inbound.voice.call_reports import ANSWERED, expires
from voxanne.promises.turns import read_turns

Json = dict[str, Any]
SHOWN_MAX: Final = 50
CALL_ID_CHARACTERS_MAX: Final = 200
NUMBER_CHARACTERS_MAX: Final = 50
DAYS: Final = {"1": "Last day", "7": "7 days", "30": "30 days", "90": "90 days", "all": "All"}
DAYS_DEFAULT: Final = "30"
SPEAKERS: Final = {"agent": "Agent", "caller": "Caller", "unknown": ""}
# Servers take a slash in an address for what it divides, encoded or not.


async def show_list(visit: Visit) -> Response:
    filters = _filters(visit)
    days = filters["days"]
    before = _cursor(visit.form.get("before"))
    answer = await visit.call(
        "list_calls",
        **given(
            **{"from": None if days == "all" else visit.clinic.now - timedelta(days=int(days))},
            promise="mismatch" if filters["mismatch"] else None,
            outcome=filters["outcome"] or None,
            number=filters["number"] or None,
            before_at=before[0] if before else None,
            before_id=before[1] if before else None,
        ),
        limit=SHOWN_MAX,
    )
    await visit.saw("calls", "list")
    return visit.page(
        "calls/list.html",
        title="Calls",
        calls=[_told(call) for call in answer["items"]],
        filters=filters,
        is_filtered=any(filters[name] for name in ("mismatch", "outcome", "number")),
        days=DAYS,
        outcomes=call_words.OUTCOMES,
        older=_older(filters, answer),
    )


async def show(visit: Visit) -> Response:
    found = await _find(visit, visit.request.path_params["call_text"])
    call = found["call"]
    await visit.saw("call", call["call_id"])
    turns = [(SPEAKERS[turn.speaker], turn.said) for turn in read_turns(call["transcript"] or "")]
    return visit.page(
        "calls/call.html",
        title="Call",
        call=_told(call),
        findings=[_finding(visit, each) for each in call["promise_findings"]],
        tools=[_tool(each) for each in call["tools"]],
        appointments=found["appointments"],
        messages=found["messages"],
        turns=turns,
        recording_expires=call["recording_url"] is not None and expires(call["recording_url"]),
    )


async def _find(visit: Visit, said: str) -> Json:
    """Raises RefusedError."""
    try:
        if len(said) > CALL_ID_CHARACTERS_MAX or "\x00" in said:
            raise RefusedError(Outcome.NOT_FOUND, "There is no such call.")
        return await visit.call("call_view", call_id=said)
    except RefusedError as refused:
        if refused.outcome != Outcome.NOT_FOUND or CALL_SLASH not in said:
            raise
    return await visit.call("call_view", call_id=said.replace(CALL_SLASH, "/"))


def _filters(visit: Visit) -> dict[str, str]:
    """As the form sends them; what nobody can choose there counts as not chosen."""
    form = visit.form
    days, outcome = form.get("days"), form.get("outcome")
    return {
        "days": days if days in DAYS else DAYS_DEFAULT,
        "outcome": outcome if outcome in call_words.OUTCOMES or outcome == "none" else "",
        "mismatch": "1" if form.get("mismatch") == "1" else "",
        "number": form.get("number")[:NUMBER_CHARACTERS_MAX],
    }


def _older(filters: Mapping[str, str], page: Mapping[str, Any]) -> str | None:
    """The next page's query."""
    if page["before_at"] is None:
        return None
    chosen = {name: value for name, value in filters.items() if value}
    return urlencode({**chosen, "before": f"{page['before_at']}~{page['before_id']}"})


def _cursor(said: str) -> tuple[datetime, str] | None:
    at, mark, call_id = said.partition("~")
    try:
        moment = datetime.fromisoformat(at)
        return (moment.astimezone(UTC), call_id) if mark and moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


def _told(call: Json) -> Json:
    started, ended = call["started_at"], call["ended_at"]
    words, tone = call_words.PROMISES[call["promise"]]
    return {
        **call,
        "path": call_path(call["call_id"]),
        "seconds": None if ended is None else _seconds(started, ended),
        "reason": call_words.end_reason(call["end_reason"]),
        "outcome_words": [call_words.OUTCOMES[it] for it in call["outcomes"]],
        "promise_words": words if call["reported_at"] else "",
        "promise_tone": tone,
        "source_words": call_words.SOURCES[call["source"]],
    }


def _seconds(started: str, ended: str) -> float:
    return (datetime.fromisoformat(ended) - datetime.fromisoformat(started)).total_seconds()


def _finding(visit: Visit, finding: Json) -> Json:
    rule = call_words.RULES.get(finding["rule"])
    told, diary = rule or (finding["rule"].replace("_", " "), "{at}")
    at = finding["ledger"]
    shown = visit.when.moment(at) if at else call_words.NOT_IN_DIARY
    return {
        "told": told,
        "said": finding["said"],
        "diary": diary.format(at=shown),
        "alarm": finding["alarm"],
    }


def _tool(tool: Json) -> Json:
    outcome = tool["outcome"]
    tone = "neutral" if outcome is None else "ok" if outcome == ANSWERED else "warn"
    words = "no answer" if outcome is None else "done" if outcome == ANSWERED else outcome
    return {**tool, "outcome_words": words, "tone": tone}


PAGES: Final[list[Page]] = [
    Page("GET", "/calls", "read_only", show_list),
    Page("GET", "/calls/{call_text}", "read_only", show),
]
