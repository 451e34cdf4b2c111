"""One tool call's surroundings: the clinic, who is calling, and how they are spoken to."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from voxanne.booking.normalize import normalize_phone
from voxanne.booking.types import Clinic, Phone
from voxanne.language.catalogue import known_language, language_or_english
from voxanne.language.speech import locale_for, speak_moment


@dataclass(frozen=True, slots=True)
class Caller:
    """The clinic, who is calling, and what identifies the call.

    `number` is as the platform sent it, None when withheld. `now` is the clinic's clock, in UTC.
    `language` is the platform's BCP 47 tag, "" when it reports none; kept is a language of the
    catalogue: the caller's, else the clinic's. `source` says which door they came through.
    """

    clinic: Clinic
    number: str | None
    call_id: str | None
    tool_call_id: str | None
    now: datetime
    date_correction_days_max: int
    language: str = ""
    source: str = "voice"

    def __post_init__(self) -> None:
        spoken = known_language(self.language) or language_or_english(self.clinic.language)
        object.__setattr__(self, "language", spoken)

    @property
    def phone(self) -> Phone | None:
        """The number they call from, which is who they are; None when it can't be one."""
        return normalize_phone(self.number, self.region) if self.number else None

    @property
    def locale(self) -> str:
        return locale_for(self.clinic.country, self.clinic.timezone, self.language)[0]

    @property
    def region(self) -> str:
        return locale_for(self.clinic.country, self.clinic.timezone, self.language)[1]

    @property
    def today(self) -> date:
        """The clinic's date."""
        return self.local(self.now).date()

    def local(self, moment: datetime) -> datetime:
        return moment.astimezone(self.clinic.zone)

    def speak(self, moment: datetime) -> str:
        """A moment in the clinic's zone, as it is said."""
        return speak_moment(self.local(moment), today=self.today, locale=self.locale)


def clinic_now(clinic: Clinic) -> datetime:
    """The present, in UTC, by the clock the clinic's database keeps."""
    return datetime.now(UTC) + timedelta(seconds=clinic.clock_offset_seconds)
