"""What the leads' scores are made of: the weights, and what other ones would do."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.responses import Response

from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.lead_words import TIERS
from voxanne.inbound.dashboard.score_words import FACTS, reason_line
from voxanne.inbound.dashboard.settings.fields import beside, form_version, read_rows
from voxanne.inbound.dashboard.visit import Form, Visit
from voxanne.inbound.v1.problems import RefusedError

Json = dict[str, Any]

PATH: Final = "/settings/scores"
POINTS_MAX: Final = 100
DONE: Final = {
    "saved": "Saved. Everybody is scored anew within a minute or so.",
    "reset": "The built-in weights hold again. Everybody is scored anew within a minute or so.",
}
_WHOLE: Final = re.compile(r"[+-]?\d{1,4}", re.ASCII)
_NO_POINTS: Final = "Whole points from \N{MINUS SIGN}100 to 100, please."
_ASKED: Final = "A new caller who asked for {service}, and didn't book"
_REGULAR: Final = "A regular who has confirmed the next visit"
_MISSED: Final = "Somebody who was here, then missed two visits, and wants no texts"


@dataclass(frozen=True, slots=True)
class ServicePoints:
    """Those of a service, as the form has them; empty: what any service is worth."""

    key: str
    name: str
    said: str


@dataclass(slots=True)
class Draft:
    """What was written, and what is wrong with it."""

    version: int
    said: Mapping[str, str]
    services: Sequence[ServicePoints]
    weights: Json | None = None
    errors: dict[str, str] = field(default_factory=dict)


async def show(visit: Visit) -> Response:
    held = await visit.call("score_weights")
    return await _page(visit, held, _draft_of(held), message=DONE.get(visit.form.get("done")))


async def save(visit: Visit) -> Response:
    """`step`: save, preview or reset."""
    version = form_version(visit.form)
    if visit.form.get("step") == "reset":
        await _store(visit, None, version)
        return visit.done(PATH, done="reset")
    held = await visit.call("score_weights")
    draft = _read(visit.form, held, version)
    if draft.errors:
        return await _page(visit, held, draft, status=422)
    if visit.form.get("step") == "preview":
        return await _page(visit, held, draft, tried=True)
    try:
        await _store(visit, draft.weights, version)
    except RefusedError as refused:
        if refused.status == 409:
            draft.version = (await visit.call("score_weights"))["version"]
            sentence = "Somebody else has changed the weights meanwhile. Save again to have yours."
            return await _page(visit, held, draft, status=409, problem=sentence)
        draft.errors = beside(refused, "hot")
        return await _page(visit, held, draft, status=422)
    return visit.done(PATH, done="saved")


async def _store(visit: Visit, weights: Json | None, version: int) -> None:
    await visit.do(
        "score_weights_set" if weights else "score_weights_reset",
        ("clinic", visit.clinic.id),
        "set_score_weights",
        weights=None if weights is None else json.dumps(weights),
        version=version,
    )


async def _page(
    visit: Visit, held: Json, draft: Draft, *, status: int = 200, tried: bool = False, **more: Any
) -> Response:
    examples = _examples(held["services"])
    tried = tried and draft.weights is not None
    found = await visit.call(
        "preview_scores",
        weights=json.dumps(draft.weights) if tried else None,
        examples=json.dumps([facts for _, facts in examples]),
    )
    return visit.page(
        "settings/scores.html",
        title="Lead scores",
        status=status,
        facts=FACTS,
        draft=draft,
        errors=draft.errors,
        own=held["own"],
        tried=tried,
        found=found,
        tones=TIERS,
        examples=[
            (label, result, [reason_line(each) for each in result["after"]["reasons"]])
            for (label, _), result in zip(examples, found["examples"], strict=True)
        ],
        **more,
    )


def _draft_of(held: Json) -> Draft:
    """The weights that hold, as the form shows them."""
    weights = held["weights"]
    names = {service["key"]: service["name"] for service in held["services"]}
    # Points of a service that isn't offered any more stay until they are taken away.
    keys = [*names, *sorted(weights["services"].keys() - names.keys())]
    return Draft(
        version=held["version"],
        said={
            "hot": str(weights["hot"]),
            "warm": str(weights["warm"]),
            **{name: str(points) for name, points in weights["weights"].items()},
        },
        services=[
            ServicePoints(key, names.get(key, key), str(weights["services"].get(key, "")))
            for key in keys
        ],
    )


def _read(form: Form, held: Json, version: int) -> Draft:
    names = {service["key"]: service["name"] for service in held["services"]}
    rows = read_rows(form, "service", telling=["key"])
    draft = Draft(
        version=version,
        said={name: form.get(name) for name in ("hot", "warm", *held["weights"]["weights"])},
        services=[
            ServicePoints(
                row.get("key"), names.get(row.get("key"), row.get("key")), row.get("points")
            )
            for row in rows
        ],
    )
    points = {name: _points(draft, name, said) for name, said in draft.said.items()}
    services = {
        service.key: _points(draft, f"service-{row.number}-points", service.said)
        for row, service in zip(rows, draft.services, strict=True)
        if service.said
    }
    hot, warm = points.pop("hot"), points.pop("warm")
    if not draft.errors and not 1 <= warm < hot <= POINTS_MAX:
        draft.errors["hot"] = "Hot must begin above warm, and both between 1 and 100."
    if not draft.errors:
        draft.weights = {"hot": hot, "warm": warm, "weights": points, "services": services}
    return draft


def _points(draft: Draft, name: str, said: str) -> int:
    """0 for what is none, with its error noted."""
    said = said.replace("\N{MINUS SIGN}", "-")
    if _WHOLE.fullmatch(said) and abs(int(said)) <= POINTS_MAX:
        return int(said)
    draft.errors[name] = _NO_POINTS
    return 0


def _examples(services: Sequence[Mapping[str, str]]) -> list[tuple[str, list[Json]]]:
    """Three people, and what would be known of them."""
    service = dict(services[0]) if services else {"key": "consultation", "name": "Consultation"}
    asked = {"reason": "service", "params": service}

    def facts(*names: str, **params: Json) -> list[Json]:
        return [{"reason": name, "params": params.get(name, {})} for name in ("start", *names)]

    return [
        (_ASKED.format(service=service["name"]), [*facts("recent"), asked]),
        (
            _REGULAR,
            [
                *facts(
                    *("visited", "regular", "upcoming", "confirmed", "recent"),
                    *("texts_wanted", "reachable", "email"),
                    regular={"visits": 5},
                ),
                asked,
            ],
        ),
        (_MISSED, facts("visited", "no_show", "texts_refused", no_show={"times": 2})),
    ]


PAGES: Final[list[Page]] = [
    Page("GET", PATH, "read_only", show),
    Page("POST", PATH, "owner", save),
]
