"""One calendar as Google keeps it: events that are never quite gone, etags, series, sync tokens.

https://developers.google.com/workspace/calendar/api/v3/reference/events. No test in here.
"""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrulestr

Json = dict[str, Any]

ID = re.compile(r"[a-v0-9]{5,1024}")
PAGE_DEFAULT = 250
PAGE_MAX = 2500
EXPANDED_AHEAD = timedelta(days=730)
# Not to be combined with a sync token.
FULL_ONLY = {"timeMin", "timeMax", "orderBy", "q", "iCalUID", "updatedMin"}
FULL_ONLY |= {"privateExtendedProperty", "sharedExtendedProperty"}


class RefusedError(Exception):
    """An error as Google answers it."""

    def __init__(self, status: int, reason: str, message: str = "Refused") -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason
        self.message = message


@dataclass
class FakeCalendar:
    """`events` by id, the deleted ones too. `sequence` rises with every change."""

    id: str
    timezone: str = "Europe/London"
    events: dict[str, Json] = field(default_factory=dict)
    sequence: int = 1000
    oldest_token: int = 0

    @property
    def live(self) -> dict[str, Json]:
        return {id_: e for id_, e in self.events.items() if e["status"] != "cancelled"}

    def insert(self, body: Json) -> Json:
        id_ = body.get("id") or f"made{self.sequence}"
        if not ID.fullmatch(id_):
            raise RefusedError(400, "invalid", "Invalid resource id value.")
        if id_ in self.events:
            raise RefusedError(409, "duplicate", "The requested identifier already exists.")
        if "start" not in body or "end" not in body:
            raise RefusedError(400, "required", "Missing end time.")
        event = {
            "kind": "calendar#event",
            "id": id_,
            "status": "confirmed",
            "htmlLink": f"https://www.google.com/calendar/event?eid={id_}",
            "created": _stamp(),
            "creator": {"email": "clinic@example.com", "self": True},
            "organizer": {"email": self.id, "self": True},
            "iCalUID": f"{id_}@google.com",
            "sequence": 0,
            "eventType": "default",
            **body,
        }
        event["id"] = id_
        return self._keep(event)

    def get(self, id_: str) -> Json:
        """A deleted one, too."""
        if id_ not in self.events:
            raise RefusedError(404, "notFound", "Not Found")
        return self.events[id_]

    def patch(self, id_: str, body: Json, if_match: str | None) -> Json:
        event = self.get(id_)
        self._check(event, if_match)
        merged = {**event, **body}
        old, new = event.get("extendedProperties", {}), body.get("extendedProperties", {})
        if old or new:
            merged["extendedProperties"] = {
                kind: {**old.get(kind, {}), **new.get(kind, {})} for kind in {*old, *new}
            }
        merged["sequence"] = event["sequence"] + 1
        return self._keep(merged)

    def delete(self, id_: str, if_match: str | None) -> None:
        event = self.get(id_)
        if event["status"] == "cancelled":
            raise RefusedError(410, "deleted", "Resource has been deleted")
        self._check(event, if_match)
        self._keep({**event, "status": "cancelled"})

    def forget_tokens(self) -> None:
        """Sync tokens handed out so far are stale."""
        self.oldest_token = self.sequence = self.sequence + 1

    def page(self, asked: dict[str, str]) -> Json:
        since = self._since(asked)
        expand = asked.get("singleEvents") == "true"
        deleted = since is not None or asked.get("showDeleted") == "true"
        found = [
            each
            for event in sorted(self.events.values(), key=_sequence_of)
            if since is None or _sequence_of(event) > since
            for each in (self._expanded(event) if expand else [event])
            if deleted or each["status"] != "cancelled"
        ]
        found = [event for event in found if self._in_window(event, asked)]
        size = min(int(asked.get("maxResults", PAGE_DEFAULT)), PAGE_MAX)
        first = _decoded(asked["pageToken"])["first"] if "pageToken" in asked else 0
        listed: Json = {
            "kind": "calendar#events",
            "etag": f'"p{self.sequence}"',
            "summary": self.id,
            "description": "",
            "updated": _stamp(),
            "timeZone": self.timezone,
            "accessRole": "owner",
            "defaultReminders": [],
            "items": [self._told(event, since) for event in found[first : first + size]],
        }
        if first + size < len(found):
            listed["nextPageToken"] = _encoded({"first": first + size})
        else:
            listed["nextSyncToken"] = _encoded({"since": self.sequence})
        return listed

    def busy(self, since: datetime, until: datetime) -> list[Json]:
        window = {"timeMin": since.isoformat(), "timeMax": until.isoformat()}
        return [
            {"start": event["start"]["dateTime"], "end": event["end"]["dateTime"]}
            for master in self.live.values()
            for event in self._expanded(master)
            if event.get("transparency") != "transparent"
            and "dateTime" in event["start"]
            and self._in_window(event, window)
        ]

    def _since(self, asked: dict[str, str]) -> int | None:
        if "syncToken" not in asked:
            return None
        if FULL_ONLY & asked.keys():
            raise RefusedError(400, "badRequest", "Sync token cannot be used with filters.")
        try:
            since = int(_decoded(asked["syncToken"])["since"])
        except (ValueError, KeyError):
            raise RefusedError(410, "fullSyncRequired", "Sync token is not valid") from None
        if since < self.oldest_token:
            raise RefusedError(410, "fullSyncRequired", "Sync token is no longer valid")
        return since

    @staticmethod
    def _told(event: Json, since: int | None) -> Json:
        """Of a deleted event a delta holds little more than its id."""
        if event["status"] != "cancelled" or since is None:
            return event
        kept = ("kind", "etag", "id", "status", "recurringEventId", "originalStartTime")
        return {name: event[name] for name in kept if name in event}

    def _expanded(self, event: Json) -> Iterator[Json]:
        rules = event.get("recurrence")
        if not rules:
            yield event
            return
        begins, ends = (self._moment(event[edge]) for edge in ("start", "end"))
        zone = ZoneInfo(event["start"].get("timeZone", self.timezone))
        local = begins.astimezone(zone).replace(tzinfo=None)
        rule = rrulestr("\n".join(rules), dtstart=local)
        for start in rule.between(local, local + EXPANDED_AHEAD, inc=True):
            at = start.replace(tzinfo=zone)
            id_ = f"{event['id']}_{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
            if id_ in self.events:
                continue  # changed by itself: it is listed as what it is
            occurrence = {name: of for name, of in event.items() if name != "recurrence"}
            yield {
                **occurrence,
                "id": id_,
                "recurringEventId": event["id"],
                "originalStartTime": {"dateTime": at.isoformat()},
                "start": {"dateTime": at.isoformat(), "timeZone": str(zone)},
                "end": {"dateTime": (at + (ends - begins)).isoformat(), "timeZone": str(zone)},
            }

    def change_occurrence(self, master: str, start: datetime, **changes: Any) -> Json:
        """Staff change, or delete, one of a series."""
        id_ = f"{master}_{start.astimezone(UTC):%Y%m%dT%H%M%SZ}"
        for occurrence in self._expanded(self.events[master]):
            if occurrence["id"] == id_:
                return self._keep({**occurrence, **changes})
        raise RefusedError(404, "notFound")

    def _in_window(self, event: Json, asked: dict[str, str]) -> bool:
        begins, ends = self._moment(event["start"]), self._moment(event["end"])
        least, most = asked.get("timeMin"), asked.get("timeMax")
        return (least is None or ends > datetime.fromisoformat(least)) and (
            most is None or begins < datetime.fromisoformat(most)
        )

    def _moment(self, said: Json) -> datetime:
        if "date" in said:
            day = datetime.fromisoformat(said["date"])
            return day.replace(tzinfo=ZoneInfo(self.timezone))
        moment = datetime.fromisoformat(said["dateTime"])
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=ZoneInfo(said.get("timeZone", self.timezone)))
        return moment

    @staticmethod
    def _check(event: Json, if_match: str | None) -> None:
        if if_match not in (None, "*", event["etag"]):
            raise RefusedError(412, "conditionNotMet", "Precondition Failed")

    def _keep(self, event: Json) -> Json:
        self.sequence += 1
        # Google puts times into the event's zone and cuts them to seconds.
        kept = {**event, "etag": f'"{self.sequence}"', "updated": _stamp()}
        self.events[event["id"]] = kept
        return kept


def _sequence_of(event: Json) -> int:
    return int(event["etag"].strip('"'))


def _stamp() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _encoded(value: Json) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


def _decoded(token: str) -> Json:
    decoded: Json = json.loads(base64.urlsafe_b64decode(token))
    return decoded
