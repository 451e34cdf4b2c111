"""What is kept of people is in one form, so that the same person is found again.

A number is E.164 (ITU-T: a plus, no leading zero, at most 15 digits), an e-mail address has no
capital letter and one at-sign, a name no stray space or control character, and not small letters
alone.
"""

import re
import unicodedata

import asyncpg

from voxanne.stress.oracle.finding import Finding

LEADS = "SELECT org_id, id, phone, email, name, person FROM leads"
PATIENTS = """
SELECT org_id, id, metadata #>> '{patient,phone}' AS phone, metadata #>> '{patient,email}' AS email,
  metadata #>> '{patient,name}' AS name, metadata #>> '{patient,contact_phone}' AS contact_phone
FROM appointments WHERE metadata ? 'patient'
"""
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
ASCII_NAME = re.compile(r"[A-Za-z]+( [A-Za-z]+)*")
NAME_CHARACTERS_MAX = 120


async def check_people(connection: asyncpg.Connection) -> list[Finding]:
    leads, patients = Finding("lead_not_normalised"), Finding("patient_not_normalised")
    async for row in connection.cursor(LEADS, prefetch=2_000):
        leads.looked += 1
        wrong = crooked(row["name"], row["phone"], row["email"])
        if not wrong and ASCII_NAME.fullmatch(row["name"]) and row["person"] != row["name"].lower():
            wrong = "person"
        if wrong:
            leads.add(row["org_id"], f"{wrong} of lead {row['id']}")
    async for row in connection.cursor(PATIENTS, prefetch=2_000):
        patients.looked += 1
        wrong = crooked(row["name"], row["phone"], row["email"])
        if not wrong and not _is_number(row["contact_phone"]):
            wrong = "contact number"
        if wrong:
            patients.add(row["org_id"], f"{wrong} of the patient of appointment {row['id']}")
    return [leads, patients]


def crooked(name: str | None, phone: str | None, email: str | None) -> str | None:
    """Which of the three isn't in its form, if any; what isn't there is none."""
    if not _is_number(phone):
        return "number"
    if email is not None and (re.search(r"[A-Z\s]", email) or email.count("@") != 1):
        return "e-mail address"
    return None if name is None or _is_name(name) else "name"


def _is_number(phone: str | None) -> bool:
    return phone is None or E164.fullmatch(phone) is not None


def _is_name(name: str) -> bool:
    first = name.partition(" ")[0]
    return (
        1 <= len(name) <= NAME_CHARACTERS_MAX
        and name.strip(" ") == name
        and "  " not in name
        and not (name.isascii() and not any(character.isalpha() for character in name))
        and not any(unicodedata.category(character) == "Cc" for character in name)
        and not (re.fullmatch(r"[a-z]+", first) and name == name.lower())
    )
