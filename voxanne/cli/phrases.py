"""What is typed in `voxanne call` → a tool call, by simple rules and without a language model.

Times, services and names are handed on as they were typed: reading them is the tools' work.
"""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from voxanne.inbound.voice.schemas import TOOL_NAMES

Json = dict[str, Any]

HELP: Final = """\
free tuesday afternoon?            what is free; free with chen; free friday
hold tuesday at 3 pm for hygiene   keeps it a few minutes; hold 2: the second
book                               what is held; book 2 as Maya Okafor
move it to friday at 10 am         move it to 3: as offered; move 2 to …
cancel it because I'm away         cancel 2
who am i                           what this number has, and was offered
accept                             takes what the waiting list offers
waitlist thursday morning          to be told when a time becomes free
i am Maya Okafor                   is remembered; so is: born 3 March 1981
hours · services · practitioners · address · what day is it
message please call me back        for the front desk; urgent message …
transfer because it's personal     to a person, when somebody is there
checkAvailability date=tomorrow    any tool; its arguments may also be JSON
quit                               hangs up, as do Ctrl-D and Ctrl-C"""


class ToolCall(NamedTuple):
    name: str
    arguments: Json


class Note(NamedTuple):
    """Nothing to call: what to tell whoever types."""

    text: str
    understood: bool = True


Act = Callable[..., ToolCall | Note]


@dataclass(slots=True)
class Memory:
    """What the call has learnt so far, as a model would keep it in mind.

    `usual` is whom a returning patient sees. `offered` are the times last offered, `mine` the
    appointments last told of: both are chosen from by number. `waiting_offer` is a freed time.
    """

    name: str | None = None
    birth_date: str | None = None
    usual: str | None = None
    service: str | None = None
    held: Json | None = None
    waiting_offer: Json | None = None
    appointment: str | None = None
    offered: list[Json] = field(default_factory=list)
    mine: list[Json] = field(default_factory=list)

    def learn(self, call: ToolCall, result: Json) -> list[Json]:
        """Returns what can now be chosen from by number, if anything new."""
        self.name = call.arguments.get("name") or self.name
        self.service = call.arguments.get("serviceType") or self.service
        if offered := result.get("slots") or result.get("alternatives"):
            self.offered = offered
            return self.offered
        if mine := [one for one in result.get("candidates", []) if "appointmentId" in one]:
            self.mine = mine
            return self.mine
        if result.get("error") == "HOLD_EXPIRED":
            self.held = None
        elif result["success"] and call.name == "holdSlot":
            self.held = {**call.arguments, "holdId": result["holdId"]}
        elif result["success"] and call.name == "bookClinicAppointment":
            self.appointment = result["appointmentId"]
            self.held = self.waiting_offer = None
        elif result["success"] and call.name == "cancelAppointment":
            self.appointment = None
        elif result["success"] and call.name == "lookupCaller":
            return self._learn_people(result["people"])
        return []

    def _learn_people(self, people: list[Json]) -> list[Json]:
        self.mine = [one for person in people for one in person["upcoming"]]
        offers = [{"name": one["name"], **offer} for one in people for offer in one["offers"]]
        self.waiting_offer = offers[0] if offers else None
        if len(people) == 1:
            self.name = self.name or people[0]["name"]
            self.usual = people[0]["usualPractitioner"]
        return self.mine


def understand(line: str, memory: Memory) -> ToolCall | Note:
    """The tool call that a line stands for, or what to say instead."""
    text = " ".join(line.split())
    if (direct := _direct(text)) is not None:
        return direct
    if found := _MESSAGE.fullmatch(text):
        return _message(memory, **found.groupdict())
    text = text.rstrip("?!. ")
    short = _POLITE.sub("", text)
    for rule, act in _RULES:
        if found := rule.fullmatch(text) or rule.fullmatch(short):
            return act(memory, **found.groupdict())
    return Note("That matches none of the rules. `help` shows what does.", understood=False)


def _direct(text: str) -> ToolCall | Note | None:
    """A tool named outright, with name=value or JSON."""
    word, _, rest = text.partition(" ")
    tool = next((name for name in TOOL_NAMES if name.lower() == word.lower()), None)
    if tool is None:
        return None
    try:
        if rest.startswith("{"):
            return ToolCall(tool, dict(json.loads(rest, parse_constant=str)))
        pairs = [part.partition("=") for part in shlex.split(rest)]
    except ValueError as error:
        return Note(f"The arguments can't be read: {error}.", understood=False)
    if not all(name and equals for name, equals, _ in pairs):
        return Note('Write arguments as name=value, name="two words" or JSON.', understood=False)
    return ToolCall(tool, {name: value for name, _, value in pairs})


# Each rule's own tool call. Named groups come as arguments, None where they are absent.


def _free(memory: Memory, rest: str) -> ToolCall:
    said = _clauses(rest)
    first, last, part = _days(said[""])
    days = {"date": first, "dateTo": last, "timeOfDay": part}
    return _call("checkAvailability", **days, **_with_whom_and_what(memory, said))


def _hold(memory: Memory, rest: str) -> ToolCall:
    said = _clauses(rest)
    return _call("holdSlot", **_with_whom_and_what(memory, said) | _time(memory, said[""]))


def _book(memory: Memory, rest: str) -> ToolCall:
    said = _clauses(rest)
    name = said.get("as") or memory.name
    if memory.held is not None and not said[""]:
        return _call("bookClinicAppointment", **{**memory.held, "name": name})
    chosen = _with_whom_and_what(memory, said) | _time(memory, said[""])
    return _call("bookClinicAppointment", name=name, **chosen)


def _yes(memory: Memory) -> ToolCall | Note:
    return _accept(memory) if memory.waiting_offer and not memory.held else _book(memory, "")


def _accept(memory: Memory) -> ToolCall | Note:
    offer = memory.waiting_offer
    if offer is None:
        return Note("Nothing is offered from the waiting list; `who am i` looks again.")
    wanted = ("name", "scheduledAt", "serviceType", "practitioner", "holdId")
    return _call("bookClinicAppointment", **{key: offer[key] for key in wanted})


def _move(memory: Memory, number: str | None, rest: str) -> ToolCall:
    said = _clauses(rest)
    whom = {"practitioner": said["with"]} if "with" in said else {}
    time = whom | _time(memory, said[""])
    return _call("rescheduleAppointment", **_which(memory, number), **time, **_proof(memory))


def _cancel(memory: Memory, number: str | None, rest: str) -> ToolCall:
    which, reason = _which(memory, number), _clauses(rest).get("because")
    return _call("cancelAppointment", **which, reason=reason, **_proof(memory))


def _who(memory: Memory) -> ToolCall:
    return _call("lookupCaller", **_proof(memory))


def _wait(memory: Memory, rest: str) -> ToolCall:
    said = _clauses(rest)
    first, last, part = _days(said[""])
    days = {"dateFrom": first, "dateTo": last or first, "timeOfDay": part}
    name = said.get("as") or memory.name
    return _call("joinWaitlist", name=name, **days, **_with_whom_and_what(memory, said))


def _name(memory: Memory, name: str) -> Note:
    memory.name = name
    return Note(f"Noted: the name is {name}.")


def _born(memory: Memory, date: str) -> Note:
    memory.birth_date = date
    return Note(f"Noted: born {date}. It is sent where the clinic checks it.")


def _message(memory: Memory, urgent: str | None, text: str) -> ToolCall:
    urgency = "high" if urgent else None
    return _call("takeMessage", message=text, name=memory.name, urgency=urgency)


def _transfer(_memory: Memory, rest: str) -> ToolCall:
    return _call("transferCall", reason=_clauses(rest).get("because"))


def _info(_memory: Memory, topic: str) -> ToolCall:
    return _call("getClinicInfo", topic=topic)


def _rule(pattern: str, act: Act) -> tuple[re.Pattern[str], Act]:
    return re.compile(pattern, re.IGNORECASE), act


_POLITE: Final = re.compile(
    r"^(?:(?:please|hello|hi|yes|and|then|can|could|may|would|do|have|i'd|i|you|we|like|want|to|is|"
    r"are|there|anything|any|what's|what|when)\b,? *)+",
    re.IGNORECASE,
)
_MESSAGE: Final = re.compile(
    r"(?P<urgent>urgent )?(?:leave a )?(?:message|tell them)(?: that)?:? (?P<text>.+)",
    re.IGNORECASE,
)
_IT: Final = r"(?:(?P<number>\d)(?= to\b|$| because\b)|it\b|that\b|my \w+)? *"
_RULES: Final = (
    _rule(r"(?:i was |i am |i'm )?born (?:on )?(?P<date>.+)", _born),
    _rule(r"(?:hello,? )?(?:i am|i'm|my name is|this is) (?P<name>.+)", _name),
    _rule(r"who am i|look me up|(?:what are )?my appointments?", _who),
    _rule(r"accept\b.*", _accept),
    _rule(r"yes(?:,? please)?", _yes),
    _rule(r"(?:free|availab(?:le|ility))\b(?P<rest>.*)", _free),
    _rule(r"(?:hold|keep)\b(?P<rest>.*)", _hold),
    _rule(r"book\b(?P<rest>.*)", _book),
    _rule(rf"(?:move|reschedule|change) ?{_IT}(?:to )?(?P<rest>.*)", _move),
    _rule(rf"cancel ?{_IT}(?P<rest>.*)", _cancel),
    _rule(r"(?:put me on the |join the )?wait(?:ing)?[- ]?list\b(?P<rest>.*)", _wait),
    _rule(r"(?:transfer(?: me)?|put me through)\b(?P<rest>.*)", _transfer),
    _rule(
        r"(?P<topic>.*\b(?:hours|open|closed?|services?|prices?|costs?|practitioners?|doctors?|"
        r"address|where|day is it|time is it|who works)\b.*)",
        _info,
    ),
)

# What the rules have in common: the clauses of a sentence, days, times, who and what for.

_CLAUSE: Final = re.compile(r"(?:^|\s)(with|for|as|because)\s+", re.IGNORECASE)
_FILLER: Final = re.compile(
    r"^(?:(?:me|it|that|an appointment|a time|on|at|to)\b *)+", re.IGNORECASE
)
_TIME: Final = re.compile(r"\d|\btoday|\btomorrow|day\b|\bnoon", re.IGNORECASE)
_PART_OF_DAY: Final = re.compile(
    r" *\b(?:(?:in )?the )?(morning|afternoon|evening)s?\b", re.IGNORECASE
)
_SPAN: Final = re.compile(r"(?:from )?(.+?) (?:to|until) (.+)", re.IGNORECASE)
_ARTICLE: Final = re.compile(r"^(?:an?|the|my) ", re.IGNORECASE)
_ANYBODY: Final = frozenset({"anyone", "anybody"})


def _call(tool: str, **arguments: object) -> ToolCall:
    return ToolCall(tool, {name: value for name, value in arguments.items() if value})


def _clauses(text: str) -> dict[str, str]:
    """What stands after `with`, `for`, `as` and `because`; under "" the rest: when."""
    first, *others = _CLAUSE.split(text.strip())
    said = {"": first}
    for word, words in zip(others[::2], others[1::2], strict=True):
        is_time = word.lower() == "for" and _TIME.search(words)
        key = "" if is_time else word.lower()
        said[key] = f"{said.get(key, '')} {words}".strip()
    said[""] = _FILLER.sub("", said[""].strip())
    return said


def _with_whom_and_what(memory: Memory, said: dict[str, str]) -> Json:
    """Whoever the patient usually sees, and what was last asked for, unless it is said."""
    whom = said.get("with") or memory.usual
    service = _ARTICLE.sub("", said.get("for", "")) or memory.service
    anybody = whom is not None and whom.lower() in _ANYBODY
    return {"practitioner": None if anybody else whom, "serviceType": service}


def _time(memory: Memory, when: str) -> Json:
    """One of the offered times by its number, else the time as typed."""
    slot = _numbered(memory.offered, when)
    if slot is None:
        return {"scheduledAt": when}
    return {"scheduledAt": slot["startsAt"], "practitioner": slot["practitioner"]}


def _days(text: str) -> tuple[str, str | None, str | None]:
    """First day, last day and part of the day, as far as they are said."""
    part = _PART_OF_DAY.search(text)
    days = _FILLER.sub("", _PART_OF_DAY.sub("", text).strip())
    span = _SPAN.fullmatch(days)
    first, last = span.groups() if span else (days, None)
    return "today" if first == "this" else first, last, part and part[1].lower()


def _which(memory: Memory, number: str | None) -> Json:
    """The appointment of that number in what was last told; else the one booked in this call."""
    chosen = _numbered(memory.mine, number or "")
    return {"appointmentId": chosen["appointmentId"] if chosen else memory.appointment}


def _numbered(listed: list[Json], number: str) -> Json | None:
    if re.fullmatch("[1-9]", number) and int(number) <= len(listed):
        return listed[int(number) - 1]
    return None


def _proof(memory: Memory) -> Json:
    return {"name": memory.name, "birthDate": memory.birth_date}
