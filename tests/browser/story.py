"""The invented clinic of browser tests and screenshots: who comes, for what, and what was said.

Every name is made up; every number is of a range kept for fiction (555-0100 to 555-0199).
"""

from dataclasses import dataclass
from datetime import date, time
from typing import Final, Literal

TODAY: Final = date(2026, 11, 25)  # a Wednesday, the day before Thanksgiving
CLOCK: Final = time(10, 40)
ZONE: Final = "America/New_York"
OUR_NUMBER: Final = "+12125550100"

Fate = Literal[
    "confirmed", "by_text", "by_link", "failed_text", "no_show", "cancelled", "moved", "unsynced"
]  # fmt: skip
By = Literal["phone", "desk", "page"]

CONFIGURATION: Final = """
name: Harbor Dental
timezone: America/New_York
country: US
language: en
address: 12 Quay Street, New York
phone: "+12125550100"
email: desk@harbor.example
transfer: "+12125550101"
rules: {notice: 0, horizon: 120 days, slot: 15 minutes, hold: 60 minutes}
reminders: [24 hours, 2 hours]
quiet: 21:00-08:00
hours:
  monday-friday: 08:00-18:00
  saturday-sunday: closed
exceptions:
  2026-11-26: closed Thanksgiving
  2026-11-27: 09:00-13:00 Day after Thanksgiving
services:
  - {name: Cleaning, duration: 45 minutes, price: 120.00 USD}
  - {name: Whitening, duration: 45 minutes, price: 310.00 USD}
  - {name: Filling, duration: 60 minutes, price: 240.00 USD}
  - {name: Brace fitting, duration: 60 minutes, price: 900.00 USD}
  - {name: Root canal, duration: 90 minutes, price: 1100.00 USD}
  - {name: Check-up, duration: 30 minutes, price: 85.00 USD}
  - {name: Consultation, duration: 15 minutes}
  - {name: Implant consultation, key: implant, duration: 60 minutes, price: 150.00 USD}
practitioners:
  - name: Dr Amara Chen
  - name: Dr Luis Ortega
  - name: Priya Nair
  - name: Dr Tom Becker
  - name: Sofia Rossi
rooms:
  - {name: Surgery 1, services: [root-canal]}
  - {name: Surgery 2, services: [root-canal]}
"""
CHEN, ORTEGA, NAIR, BECKER, ROSSI = (
    *("Dr Amara Chen", "Dr Luis Ortega", "Priya Nair"),
    *("Dr Tom Becker", "Sofia Rossi"),
)
PRACTITIONERS: Final = (CHEN, ORTEGA, NAIR, BECKER, ROSSI)


@dataclass(frozen=True, slots=True)
class Visit:
    name: str
    service: str
    practitioner: str
    clock: str
    by: By = "desk"
    fate: Fate = "confirmed"
    overbooked: bool = False


# Held while the caller is still on the phone.
HELD: Final = (("filling", ORTEGA, "13:00", "+12125550148"), ("cleaning", NAIR, "11:00", None))
_TODAY: Final = """
Noah Haddad    | whitening     | Chen   | 09:45 | phone | by_text
Samuel Tanaka  | brace-fitting | Chen   | 11:15 | desk  | confirmed
Peter Brown    | cleaning      | Chen   | 12:30 | desk  | by_link
Chloe Johnson  | check-up      | Chen   | 13:45 | page  | confirmed
Peter Nguyen   | root-canal    | Chen   | 15:00 | phone | by_text
Omar Nguyen    | filling       | Ortega | 09:00 | phone | confirmed
Omar Kowalski  | brace-fitting | Ortega | 15:30 | phone | confirmed
Yuki Johnson   | brace-fitting | Nair   | 11:45 | desk  | failed_text
Nina Johnson   | consultation  | Nair   | 14:00 | phone | confirmed
Liam Patel     | whitening     | Becker | 09:30 | desk  | by_text
Fatima Alvarez | cleaning      | Becker | 10:15 | desk  | confirmed
Grace Nguyen   | consultation  | Becker | 14:30 | phone | unsynced
Wei Dubois     | check-up      | Becker | 15:45 | page  | failed_text
Aisha Tanaka   | brace-fitting | Rossi  | 11:15 | desk  | by_link
Carlos Tanaka  | filling       | Rossi  | 12:45 | phone | confirmed
Hannah O'Connor| root-canal    | Rossi  | 14:00 | phone | by_text
Noah Schmidt   | whitening     | Rossi  | 15:45 | desk  | moved
"""
OVERBOOKED: Final = Visit("Rosa Martin", "check-up", CHEN, "12:45", overbooked=True)
# Of the other days: who, in turn.
_OTHERS: Final = """
Maria Alvarez; Ruth Goldberg; Ivan Petrov; Leila Haddad; Tomás Silva; Anna Lindqvist; Kwame Mensah;
Julia Weber; Dmitri Volkov; Amina Yusuf; Robert Brown; Elena Costa; Hiro Sato; Sofia Marino;
Daniel Cohen; Mei Lin; Patrick Walsh; Zoe Martin; Ahmed Farouk; Clara Novak; Ben Carter;
Ingrid Olsen; Marcus Reid; Nadia Rahman; Oscar Lopez; Paula Stein; Quinn Murphy; Sara Nilsson
""".replace("\n", " ")
OTHERS: Final = tuple(name.strip() for name in _OTHERS.split(";"))
OTHER_DAYS: Final = tuple(
    date(2026, month, day)
    for month, day in (
        *((11, 18), (11, 19), (11, 20), (11, 23), (11, 24)),
        *((11, 30), (12, 1), (12, 2), (12, 3)),
    )
)
_CLOCKS: Final = ("09:00", "10:15", "11:30", "13:30", "15:00")
_SERVICES: Final = ("cleaning", "check-up", "filling", "whitening", "implant", "consultation")
# One number for a household.
_HOUSEHOLDS: Final = ("Tanaka", "Nguyen", "Johnson", "O'Connor", "Haddad")


# Who is only mentioned by name: merged with somebody, and one who never comes.
ONCE: Final = ("Bob Brown", "Gary Finch")


def todays() -> list[Visit]:
    by_name = {name.split()[-1]: name for name in PRACTITIONERS}
    visits = []
    for line in _TODAY.strip().splitlines():
        name, service, who, clock, by, fate = (part.strip() for part in line.split("|"))
        visits.append(Visit(name, service, by_name[who], clock, by, fate))  # type: ignore[arg-type]
    return visits


def others() -> list[tuple[date, Visit]]:
    """Five a day, of every kind, and one who never comes."""
    visits = [
        (day, Visit("Gary Finch", "cleaning", ROSSI, "16:30", "phone", "no_show"))
        for day in OTHER_DAYS[:2]
    ]
    for number in range(len(OTHER_DAYS) * len(_CLOCKS)):
        day = OTHER_DAYS[number // len(_CLOCKS)]
        past = day < TODAY
        fate: Fate = "confirmed"
        if number % 7 == 3:
            fate = "no_show" if past else "by_link"
        elif number % 9 == 4:
            fate = "cancelled"
        elif number % 5 == 2:
            fate = "by_text"
        by: By = ("phone", "desk", "phone", "page")[number % 4]
        visits.append(
            (
                day,
                Visit(
                    OTHERS[number * 5 % len(OTHERS)],
                    _SERVICES[number % len(_SERVICES)],
                    PRACTITIONERS[number * 2 % len(PRACTITIONERS)],
                    _CLOCKS[number % len(_CLOCKS)],
                    by,
                    fate,
                ),
            )
        )
    return visits


def phone_of(name: str) -> str:
    """The household's, or their own."""
    family = name.split()[-1]
    if family in _HOUSEHOLDS:
        return f"+16465550{110 + _HOUSEHOLDS.index(family)}"
    everybody = sorted({*OTHERS, *(visit.name for visit in todays()), "Rosa Martin", *ONCE})
    return f"+19175550{100 + everybody.index(name)}"


def email_of(name: str) -> str | None:
    """Of every third one: a mailbox that exists nowhere."""
    first, *_, last = name.lower().replace("'", "").split()
    domains = ("gmail.com", "acme-freight.com", "columbia.edu")
    spelled = f"{first}.{last}".encode("ascii", "ignore").decode()
    return f"{spelled}@{domains[len(name) % 3]}" if len(name) % 3 == 0 or len(name) > 12 else None


def transcript(name: str, service: str, day: str, clock: str) -> str:
    """A call that booked: the times are those that were said."""
    return "\n".join(
        (
            "AI: Harbor Dental, this is the assistant. How can I help?",
            f"User: Hi, I'd like to book a {service}, please. My name is {name}.",
            f"AI: Of course. I have {day} at {clock}. Does that suit you?",
            "User: Yes, that works.",
            f"AI: You're booked for {day} at {clock}. You will get a text message. Anything else?",
            "User: That's all, thanks. Bye.",
        )
    )


@dataclass(frozen=True, slots=True)
class Call:
    """One that booked nothing. `caller` None: withheld."""

    call_id: str
    caller: str | None
    hours_ago: float
    seconds: int
    summary: str
    transcript: str
    end_reason: str = "customer-ended-call"
    sentiment: str | None = None
    urgency: str | None = None
    language: str = "en"


CALLS: Final = (
    Call(
        "call-implant",
        phone_of("Ruth Goldberg"),
        2.4,
        187,
        "Asked what an implant consultation costs and how long it takes. Will think about it.",
        "AI: Harbor Dental, how can I help?\nUser: What would an implant consultation cost me?\n"
        "AI: It is 150 dollars and takes an hour. Shall I look for a time?\n"
        "User: Let me talk to my husband first, I'll call back.\nAI: Of course. Goodbye.",
        sentiment="positive",
    ),
    Call(
        "call-toothache",
        phone_of("Kwame Mensah"),
        1.6,
        94,
        "Bad toothache since last night. Wants to be called back today.",
        "AI: Harbor Dental, how can I help?\nUser: I've had a toothache since last night.\n"
        "AI: I'm sorry to hear that. I'll ask somebody to call you back today.\nUser: Please do.",
        sentiment="negative",
        urgency="high",
    ),
    Call(
        "call-spanish",
        phone_of("Maria Alvarez"),
        20.5,
        131,
        "Asked in Spanish for the opening hours over Thanksgiving.",
        "AI: Harbor Dental, ¿en qué puedo ayudarle?\nUser: ¿Abren el viernes?\n"
        "AI: Sí, el viernes de nueve a una. El jueves está cerrado.\nUser: Gracias.",
        language="es",
    ),
    Call("call-silent", None, 5.2, 9, "", "", end_reason="silence-timed-out"),
)
MESSAGES: Final = (
    ("Kwame Mensah", "Toothache since last night. Please call back before noon.", "high", 1.5),
    ("Julia Weber", "Needs a copy of the invoice from October.", "normal", 19.0),
    ("Patrick Walsh", "Will be ten minutes late on Monday.", "low", 23.0),
)
NOTES: Final = (
    ("Noah Haddad", "Prefers mornings. Nervous about needles."),
    ("Ruth Goldberg", "Called back, will decide about the implant after Thanksgiving."),
    ("Samuel Tanaka", "Books for the whole family."),
    ("Kwame Mensah", "Called back at 9:40. Offered Friday at nine, he will let us know."),
)
