"""What the patient's page says, in the clinic's language."""

from functools import cache

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.patient.shown import Shown
from voxanne.inbound.patient.times import Choice, Times
from voxanne.inbound.voice.sentences import NOTHING_FREE, refuse, speak_reason
from voxanne.language.catalogue import say, say_many


@cache
def labels(language: str) -> dict[str, str]:
    """What is the same on every page of a language, by the name its template has for it."""
    return {
        "when": say(language, "When"),
        "length": say(language, "Length"),
        "with": say(language, "With"),
        "service": say(language, "Service"),
        "patient": say(language, "Name"),
        "where": say(language, "Where"),
        "phone": say(language, "Phone"),
        "confirm": say(language, "I'll be there"),
        "move": say(language, "Move it to another time"),
        "cancel": say(language, "Cancel it"),
        "calendar": say(language, "Add it to my calendar"),
        "accept": say(language, "Take this time"),
        "decline": say(language, "I don't want it"),
        "back": say(language, "Back to the appointment"),
        "private": say(
            language,
            "Whoever has the link to this page can change this appointment. Please keep it to "
            "yourself.",
        ),
        "move_heading": say(language, "Move your appointment"),
        "move_question": say(language, "Move your appointment?"),
        "day": say(language, "From which day?"),
        "anybody": say(language, "Anybody"),
        "look": say(language, "Show free times"),
        "times": say(language, "Free times"),
        "other_days": say(language, "Other days with free times"),
        "later": say(language, "Later days"),
        "go_on": say(language, "Go on"),
        "before": say(language, "Now"),
        "after": say(language, "New time"),
        "move_yes": say(language, "Yes, move it"),
        "other_time": say(language, "Choose another time"),
        "cancel_question": say(language, "Cancel your appointment?"),
        "cancel_help": say(language, "Somebody else may then have this time."),
        "cancel_yes": say(language, "Yes, cancel it"),
        "cancel_no": say(language, "No, keep it"),
    }


def heading(shown: Shown) -> str:
    if shown.state == "offered":
        return say(shown.language, "A time for you")
    return say(shown.language, "Your appointment")


def state_sentence(shown: Shown) -> str:
    """How the appointment stands."""
    language = shown.language
    if shown.state == "offered" and shown.offered_until is not None:
        until = shown.write_moment(shown.offered_until)
        return say(language, "This time is kept for you until {until}.", until=until)
    if shown.state == "cancelled":
        return say(language, "This appointment is cancelled.")
    if shown.state == "over":
        return say(language, "This appointment is over.")
    if shown.state != "booked":
        return say(language, "This time isn't kept for you any more.")
    if shown.confirmed:
        return say(language, "This appointment is booked, and you've said that you're coming.")
    return say(language, "This appointment is booked.")


def done_sentence(shown: Shown, done: str | None) -> str | None:
    """What a form has just done: `done` as the redirect has it, when it agrees with the state."""
    language = shown.language
    match (done, shown.state):
        case ("confirmed", "booked") if shown.confirmed:
            return say(language, "Thank you. The clinic knows that you're coming.")
        case ("moved", "booked"):
            return say(language, "Your appointment is moved.")
        case ("cancelled", "cancelled"):
            return say(language, "Your appointment is cancelled.")
        case ("accepted", "booked"):
            return say(language, "The time is yours: it's booked.")
        case ("declined", "lapsed"):
            return say(language, "You've declined the time, and stay on the waiting list.")
    return None


def refused_sentence(language: str, outcome: Outcome) -> str:
    """Why something wasn't done."""
    match outcome:
        case Outcome.STALE_VERSION:
            return say(
                language,
                "This appointment was changed in the meantime. This is how it stands now.",
            )
        case Outcome.SLOT_UNAVAILABLE:
            return say(language, "That time was taken in the meantime. Please choose another one.")
        case Outcome.NOT_FOUND | Outcome.HOLD_EXPIRED:
            return say(language, "That isn't possible any more. This is how it stands now.")
        case Outcome.INVALID_DATE | Outcome.INVALID_ARGUMENTS:
            return say(language, "Please choose a time.")
        case Outcome.OUTSIDE_HOURS | Outcome.TOO_SOON | Outcome.TOO_FAR_AHEAD:
            return say(language, "That time can't be had. Please choose another one.")
        case Outcome.DATE_IN_PAST:
            return say(language, "That time can't be had. Please choose another one.")
        case Outcome.BUSY | Outcome.INTERNAL_ERROR | Outcome.RATE_LIMITED:
            return refuse(outcome, language)
    return say(language, "That can't be done here. Please phone the clinic.")


def lasting(shown: Shown) -> str:
    return say_many(shown.language, "one minute", "{count} minutes", shown.minutes)


def calendar_title(shown: Shown) -> str:
    """Neutral: calendars are shared, and shown on locked phones."""
    return say(shown.language, "Appointment at {clinic}", clinic=shown.clinic)


def nothing_free(shown: Shown, times: Times, anybody: bool) -> str | None:
    """None: there are times on the day that was asked for."""
    if times.day == times.asked:
        return None
    if times.day is not None:
        return say(shown.language, "Nothing is free on {day}.", day=shown.write_day(times.asked))
    if times.reason in (None, NOTHING_FREE):
        return say(shown.language, "Nothing is free in the four weeks from that day.")
    return speak_reason(shown.language, times.reason, None if anybody else shown.practitioner)


def describe_choice(shown: Shown, choice: Choice, *, named: bool, dated: bool) -> str:
    """`10 am`; with whom where that isn't plain, and the day where no heading has it."""
    other = choice.practitioner_id != shown.practitioner_id
    time = shown.write_time(choice.starts_at, choice.practitioner if named or other else None)
    if not dated:
        return time
    return say(
        shown.language,
        "{earlier}, {next}",
        earlier=shown.write_day(choice.starts_at.date()),
        next=time,
    )


def sorry(language: str) -> str:
    return say(language, "That didn't work")


def no_such_link(language: str) -> tuple[str, str]:
    """Heading and text."""
    return (
        say(language, "There is nothing here"),
        say(
            language,
            "This link isn't known, or it has ended. The newest message from your clinic has the "
            "one that works.",
        ),
    )


def wrong_origin(language: str) -> str:
    return say(language, "Please open the link in your message, and try again from there.")
