"""The vocabulary of deliveries: what a worker claims, and what can become of an attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, Protocol
from uuid import UUID

Channel = Literal["calendar", "sms", "email", "webhook", "alert"]
CHANNELS: Final[tuple[Channel, ...]] = ("calendar", "sms", "email", "webhook", "alert")
# A calendar's access was renewed; its renewal was refused for good; it didn't work this time.
Refreshed = Literal["renewed", "refused", "failed"]
# Sent: the vendor has it. Delivered: it is there, as far as can be known.
Status = Literal["queued", "sending", "sent", "delivered", "failed", "voided"]
STATUSES: Final[tuple[Status, ...]] = (
    "queued",
    "sending",
    "sent",
    "delivered",
    "failed",
    "voided",
)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One claimed delivery, and what is needed to carry it out, as of the claim.

    `attempt` fences the lease. `tries` counts from 1 since staff last asked for another try.
    `waited_seconds`: from when it was stored to the claim, by the database's clock.
    `uncertain`: an earlier attempt may have got there. `stale`: too late or overtaken; all that is
    left is to find out whether it got there. `organization` and `details` are the JSON of
    delivering_organization.sql and of the channel's `…_details.sql`. Times are aware, in UTC.
    """

    channel: Channel
    organization_id: UUID
    subject_id: UUID
    kind: str
    version: int
    attempt: int
    tries: int
    uncertain: bool
    stale: bool
    created_at: datetime
    lapses_at: datetime | None
    external_id: str | None
    organization: Mapping[str, Any]
    details: Mapping[str, Any]
    waited_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Delivered:
    """It is there, and that was verified. `external_id` is the vendor's own."""

    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """The vendor has taken it; what becomes of it, it will say later or never."""

    external_id: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """It didn't get there and may next time. `after_seconds`: the vendor asked for that long;
    None: by backoff. `uncertain`: it may have got there all the same, to be looked up first.

    `error_code` is short and fixed, `error` a plain sentence for staff without a patient's details.
    """

    error_code: str
    error: str
    after_seconds: float | None = None
    uncertain: bool = False


@dataclass(frozen=True, slots=True)
class Postponed:
    """It may not go out yet, such as at night. However often, it never counts as given up."""

    error_code: str
    error: str
    after_seconds: float


@dataclass(frozen=True, slots=True)
class Parked:
    """It can't get there until something outside is put right, which will set it going again."""

    error_code: str
    error: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It will not get there. Staff see it, are alerted, and may try again."""

    error_code: str
    error: str


@dataclass(frozen=True, slots=True)
class Voided:
    """Nothing is to be delivered: the clinic doesn't use it, or the patient wants none."""

    error_code: str
    error: str


Result = Delivered | Sent | Retry | Postponed | Parked | Failed | Voided


class Sender(Protocol):
    """Carries out one channel's deliveries. A call is cancelled when the attempt's time is up."""

    async def send(self, delivery: Delivery) -> Result:
        """Hand it over. An exception is a bug: logged, and tried again as uncertain."""
        ...

    async def look_up(self, delivery: Delivery) -> Result | None:
        """Whether an earlier, uncertain attempt got there. None: it didn't, or to send again does
        no harm; Retry: not known yet."""
        ...
