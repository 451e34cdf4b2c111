"""Google Calendar's API, version 3: one calendar as a CalendarClient, and its push channels.

https://developers.google.com/workspace/calendar/api/v3/reference
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from voxanne.deliveries.calendar import (
    AccessError,
    AlreadyThereError,
    CalendarError,
    CalendarGoneError,
    ChangedError,
    Event,
    MissingError,
    Page,
    SyncTokenError,
    Window,
)
from voxanne.deliveries.google_tokens import GoogleAccess
from voxanne.deliveries.http import Answer, UnreachableError, UnreadableError, exchange

MARK: Final = "voxanne_appointment"  # a private property: no other application sees it
PAGE_EVENTS: Final = 250
PAGES_MAX: Final = 400
CHANNEL_LASTS: Final = timedelta(days=7)  # the longest Google grants
TOKENS_MAX: Final = 3  # that are refused one after the other, before it is for good
_QUOTA_REASONS: Final = frozenset(
    {"rateLimitExceeded", "userRateLimitExceeded", "quotaExceeded", "dailyLimitExceeded"}
)
_TOMBSTONE: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Channel:
    """`resource`: Google's own name of what is watched, needed to end it. Aware, UTC."""

    id: UUID
    resource: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class GoogleCalendar:
    """One calendar of one account. A CalendarClient."""

    access: GoogleAccess

    async def insert(self, event: Event) -> Event:
        answer = await self._ask("POST", "/events", json={"id": event.id, **_written(event)})
        if answer.status == 409:
            raise AlreadyThereError
        if answer.status in (404, 410):
            raise self._gone()
        return _read(self._good(answer), UTC)

    async def get(self, event_id: str) -> Event | None:
        answer = await self._ask("GET", f"/events/{quote(event_id)}")
        return None if answer.status in (404, 410) else _read(self._good(answer), UTC)

    async def replace(self, event: Event, etag: str | None) -> Event:
        answer = await self._ask(
            "PATCH", f"/events/{quote(event.id)}", headers=_only_if(etag), json=_written(event)
        )
        if answer.status == 412:
            raise ChangedError
        if answer.status in (404, 410):
            raise MissingError
        return _read(self._good(answer), UTC)

    async def delete(self, event_id: str, etag: str | None) -> None:
        answer = await self._ask("DELETE", f"/events/{quote(event_id)}", headers=_only_if(etag))
        if answer.status == 412:
            raise ChangedError
        if answer.status not in (204, 404, 410):
            self._good(answer)

    async def changes(self, sync_token: str | None, window: Window) -> AsyncIterator[Page]:
        asked: dict[str, str] = {"singleEvents": "true", "maxResults": str(PAGE_EVENTS)}
        if sync_token is not None:
            asked["syncToken"] = sync_token
        else:
            asked["timeMin"] = _instant(window.starts_at)
            asked["timeMax"] = _instant(window.ends_at)
        for _ in range(PAGES_MAX):
            answer = await self._ask("GET", "/events", params=asked)
            if answer.status == 410 or (answer.status == 400 and sync_token is not None):
                raise SyncTokenError
            if answer.status == 404:
                raise self._gone()
            listed = self._good(answer)
            zone = ZoneInfo(str(listed.get("timeZone") or "UTC"))
            events = tuple(_read(item, zone) for item in listed.get("items", ()))
            page_token = listed.get("nextPageToken")
            yield Page(events, None if page_token else listed.get("nextSyncToken"))
            if not page_token:
                return
            asked["pageToken"] = page_token
        raise CalendarError("too_many_events", "The calendar holds more events than can be read.")

    async def watch(self, address: str, token: str) -> Channel:
        """Have Google call `address`, with `token`, whenever the calendar changes."""
        wanted = {
            "id": str(uuid4()),
            "type": "web_hook",
            "address": address,
            "token": token,
            "params": {"ttl": str(int(CHANNEL_LASTS.total_seconds()))},
        }
        said = self._good(await self._ask("POST", "/events/watch", json=wanted))
        expires_at = datetime.fromtimestamp(int(said["expiration"]) / 1000, UTC)
        return Channel(UUID(said["id"]), str(said["resourceId"]), expires_at)

    async def stop(self, channel: UUID, resource: str) -> None:
        """End a channel; one that isn't there is as good as ended."""
        body = {"id": str(channel), "resourceId": resource}
        answer = await self._send("POST", "/channels/stop", json=body)
        if answer.status not in (204, 404):
            self._good(answer)

    async def _ask(self, method: str, path: str, **options: Any) -> Answer:
        """A request about this calendar."""
        calendar = quote(self.access.connection.calendar, safe="")
        return await self._send(method, f"/calendars/{calendar}{path}", **options)

    async def _send(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any
    ) -> Answer:
        """Answers that say nothing about access; on a 401 again with a new token, which may have
        been taken back as well before it was used.

        Raises AccessError, CalendarError.
        """
        url = f"{self.access.google.calendar_url}{path}"
        refused: str | None = None
        for _ in range(TOKENS_MAX):
            token = await self.access.token(refused)
            signed = {**(headers or {}), "Authorization": f"Bearer {token}"}
            try:
                answer = await exchange(self.access.http, method, url, headers=signed, **options)
            except UnreachableError as error:
                raise CalendarError(
                    error.error_code, error.error, uncertain=not error.certain
                ) from None
            if answer.status != 401:
                self._raise_for_access(answer)
                return answer
            refused = token
        raise self._refused("Google refuses the access it gave; connect the calendar again.")

    def _raise_for_access(self, answer: Answer) -> None:
        status = answer.status
        if status not in (403, 429):
            return
        reasons = _reasons(answer)
        wait = answer.retry_after_seconds
        if status == 429 or reasons & _QUOTA_REASONS:
            raise CalendarError(
                "quota", "Google asks for fewer requests for now.", retry_after_seconds=wait
            )
        if not reasons:  # not Google's own words: something in between
            raise CalendarError(
                "unreadable", "Google's answer could not be read.", retry_after_seconds=wait
            )
        raise self._refused("Google does not let us write this calendar; connect it again.")

    def _good(self, answer: Answer) -> Mapping[str, Any]:
        """The JSON of a success. Raises CalendarError."""
        if answer.status >= 500:
            raise CalendarError(
                "vendor_error",
                "Google has a problem at the moment.",
                retry_after_seconds=answer.retry_after_seconds,
                uncertain=True,
            )
        if not 200 <= answer.status < 300:
            raise CalendarError("refused", f"Google refused the request ({answer.status}).")
        try:
            said = answer.json()
        except UnreadableError:
            said = None
        if not isinstance(said, dict):
            raise CalendarError("unreadable", "Google's answer could not be read.", uncertain=True)
        return said

    def _refused(self, error: str) -> AccessError:
        refused = AccessError("access_refused", error)
        refused.credentials_version = self.access.connection.credentials_version
        return refused

    def _gone(self) -> CalendarGoneError:
        gone = CalendarGoneError("calendar_gone", "The calendar isn't there any more.")
        gone.credentials_version = self.access.connection.credentials_version
        return gone


def _only_if(etag: str | None) -> dict[str, str]:
    return {"If-Match": etag} if etag else {}


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _written(event: Event) -> dict[str, Any]:
    """What is written of an event: when, a title, and whose it is. The rest is staff's."""
    zone = ZoneInfo(event.timezone)

    def local(moment: datetime) -> dict[str, str]:
        return {
            "dateTime": moment.astimezone(zone).isoformat(timespec="seconds"),
            "timeZone": event.timezone,
        }

    return {
        "status": "confirmed",
        "summary": event.title,
        "start": local(event.starts_at),
        "end": local(event.ends_at),
        "extendedProperties": {"private": {MARK: str(event.appointment_id)}},
    }


def _read(item: Mapping[str, Any], zone: Any) -> Event:
    """An event as Google tells it; all-day ones by the calendar's zone. Raises CalendarError."""
    try:
        cancelled = item.get("status") == "cancelled"
        known = "start" in item and "end" in item
        return Event(
            id=str(item["id"]),
            starts_at=_moment(item["start"], zone) if known else _TOMBSTONE,
            ends_at=_moment(item["end"], zone) if known else _TOMBSTONE,
            etag=item.get("etag"),
            title=str(item.get("summary") or ""),
            description=str(item.get("description") or ""),
            cancelled=cancelled,
            appointment_id=_marked(item),
            busy=known and not cancelled and _keeps_time(item),
        )
    except (KeyError, TypeError, ValueError):
        raise CalendarError(
            "unreadable", "Google's answer could not be read.", uncertain=True
        ) from None


def _moment(said: Mapping[str, str], zone: Any) -> datetime:
    if "date" in said:
        return datetime.fromisoformat(said["date"]).replace(tzinfo=zone).astimezone(UTC)
    moment = datetime.fromisoformat(said["dateTime"])
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _marked(item: Mapping[str, Any]) -> UUID | None:
    """The appointment that is ours in this event. A copy of it has another id."""
    private = (item.get("extendedProperties") or {}).get("private") or {}
    try:
        appointment = UUID(str(private.get(MARK)))
    except ValueError:
        return None
    return appointment if appointment.hex == item["id"] else None


def _keeps_time(item: Mapping[str, Any]) -> bool:
    """Not so when shown as free, or declined, or only where somebody works."""
    return (
        item.get("transparency") != "transparent"
        and item.get("eventType") not in ("workingLocation", "birthday")
        and not any(
            guest.get("self") and guest.get("responseStatus") == "declined"
            for guest in item.get("attendees", ())
        )
    )


def _reasons(answer: Answer) -> frozenset[str]:
    """Google's own words for a refusal; none where it can't be read."""
    try:
        errors = answer.json()["error"]["errors"]
        return frozenset(str(error["reason"]) for error in errors)
    except (UnreadableError, KeyError, TypeError):
        return frozenset()
