"""A form that edits a part of the clinic's configuration: refused with words beside the field,
shown before it is saved where somebody should know what comes of it, or stored.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from starlette.responses import Response

from voxanne.booking.outcomes import Outcome
from voxanne.clinic_files.changes import in_words
from voxanne.inbound.dashboard.settings.fields import Row, form_version, sentence
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.v1.problems import RefusedError

Json = dict[str, Any]
SAVED: Final = {"saved": "Saved.", "same": "Nothing to change: it was so already."}
STALE: Final = (
    "Somebody changed the clinic's settings since you opened this page. Nothing was saved. "
    "Below is what saving your form would change now."
)
_PATH: Final = re.compile(r"([a-z]+)\[([0-9]+)\](?:\.([a-z_]+).*)?")


@dataclass(slots=True)
class Draft:
    """A form, read: its part of the document, and which row of a table each entry came from."""

    document: Json = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)

    def put(self, section: str, rows: Sequence[Row], entries: Sequence[Json]) -> None:
        self.rows[section] = list(rows)
        self.document[section] = list(entries)

    def field_of(self, where: str) -> str:
        """The form's field of a path in the document: `hours[2].opens` → `hours-4-opens`."""
        found = _PATH.fullmatch(where)
        if found is None:
            return where
        section, index, name = found[1], int(found[2]), found[3]
        rows = self.rows.get(section, [])
        return f"{section}-{rows[index].number}-{name}" if index < len(rows) else section


@dataclass(frozen=True, slots=True)
class Review:
    """How a form is shown: what is wrong with it, or what saving it would do.

    `confirm`: what the button sends by which the warnings are taken note of.
    """

    version: int
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: str | None = None
    message: str | None = None
    changes: Sequence[Mapping[str, str]] = ()
    warnings: Sequence[str] = ()
    confirm: str = ""
    status: int = 200


Show = Callable[[Review], Response]


def form_page(visit: Visit, template: str, title: str, **values: Any) -> Show:
    """A page of the settings, of a review of its form."""

    def show(review: Review) -> Response:
        return visit.page(
            template,
            title=title,
            status=review.status,
            review=review,
            errors=review.errors,
            problem=review.problem,
            message=review.message,
            **values,
        )

    return show


async def load(visit: Visit) -> Json:
    """The configuration, as it is stored."""
    return await visit.call("clinic_configuration")


def first_look(visit: Visit, current: Json) -> Review:
    """A form nothing was sent with yet."""
    return Review(current["version"], message=SAVED.get(visit.form.get("done")))


async def store(visit: Visit, draft: Draft, show: Show, path: str) -> Response:
    """`path`: where it leads once it is saved."""
    version = form_version(visit.form)
    if draft.errors:
        problem = "Not saved: " + next(iter(draft.errors.values()))
        return show(Review(version, draft.errors, problem, status=422))
    try:
        return await _store(visit, draft, version, show, path)
    except RefusedError as refused:
        if refused.outcome == Outcome.STALE_VERSION:
            return show(await _outdated(visit, draft))
        where = str(refused.details.get("where", ""))
        told = {draft.field_of(where): sentence(refused.detail)}
        problem = f"Not saved: {sentence(refused.detail)}"
        return show(Review(version, told, problem, status=refused.status))


async def _store(visit: Visit, draft: Draft, version: int, show: Show, path: str) -> Response:
    """Raises RefusedError."""
    found, zone_warning = await _try(visit, draft, version)
    if not found["changes"]:
        return visit.done(path, done="same")
    warnings = [*zone_warning, *map(sentence, found["warnings"])]
    confirm = _seal(draft, warnings)
    is_preview = visit.form.get("step") == "preview"
    if is_preview or (warnings and visit.form.get("confirm") != confirm):
        changes = [_change(change) for change in found["changes"]]
        return show(Review(version, changes=changes, warnings=warnings, confirm=confirm))
    await visit.do(
        "clinic_configured",
        ("clinic", visit.clinic.id),
        "configure_clinic",
        document=json.dumps(draft.document),
        version=version,
        confirmed=bool(zone_warning),
        source="staff",
    )
    return visit.done(path, done="saved")


async def _try(visit: Visit, draft: Draft, version: int | None) -> tuple[Json, list[str]]:
    """What it would change, and what must be confirmed first. Raises RefusedError."""

    async def dry_run(*, confirmed: bool) -> Json:
        return await visit.call(
            "configure_clinic",
            document=json.dumps(draft.document),
            version=version,
            dry_run=True,
            confirmed=confirmed,
            source="staff",
        )

    try:
        return await dry_run(confirmed=False), []
    except RefusedError as refused:
        if refused.outcome != Outcome.NEEDS_CONFIRMATION:
            raise
        return await dry_run(confirmed=True), [sentence(refused.detail)]


async def _outdated(visit: Visit, draft: Draft) -> Review:
    """What the form would change of what is stored by now: what others changed is among it."""
    current = (await load(visit))["version"]
    try:
        found, _ = await _try(visit, draft, None)
    except RefusedError:
        found = {"changes": []}  # it doesn't fit to what is stored any more
    changes = [_change(change) for change in found["changes"]]
    return Review(current, problem=STALE, changes=changes, status=409)


def _seal(draft: Draft, warnings: Sequence[str]) -> str:
    """Another form or other warnings must be looked at anew."""
    content = json.dumps([draft.document, list(warnings)], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _change(change: Json) -> dict[str, str]:
    name = change["name"]
    return {
        "section": change["section"],
        "name": name.replace("_", " ") if change["section"] == "clinic" else name,
        "before": _told(change["before"]),
        "after": _told(change["after"]),
    }


def _told(value: object) -> str:
    if isinstance(value, dict):
        value = {name.replace("_", " "): said for name, said in value.items()}
    return "" if value is None else in_words(value)
