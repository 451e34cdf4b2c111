"""The leads' pages: the list, one's page and timeline, notes, merges and splits."""

import html
import re
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio

from tests.integration.clinics import Api
from tests.integration.front_desk import Desk, sign_in

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "<script>alert(1)</script>"
MAYA = {"name": "Maya Okafor", "caller": "+447700900123"}
SAM = {"name": "Sam Okafor", "caller": "+447700900123"}
ANA = {"name": "Ana Souza", "caller": "+447700900456"}


@pytest_asyncio.fixture(loop_scope="module")
async def desk(voice: Api) -> Desk:
    return await sign_in(voice, "staff")


async def book(voice: Api, who: dict[str, Any], hour: int = 10) -> dict[str, Any]:
    booked = await voice.book(**who, call_id=f"c-{uuid4()}", scheduledAt=f"2026-11-26T{hour}:00")
    assert booked["success"], booked
    return booked


async def people(voice: Api) -> dict[str, str]:
    """Three of them by their first names, at ten, eleven and twelve."""
    booked = [await book(voice, who, 10 + n) for n, who in enumerate((MAYA, SAM, ANA))]
    names = ("Maya", "Sam", "Ana")
    return {name: each["contactId"] for name, each in zip(names, booked, strict=True)}


def names(page: str) -> list[str]:
    return re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a>', page)


def titles(page: str) -> list[str]:
    """What the timeline says, newest first, without its badges."""
    found = re.findall(r'<strong class="title">(.*?)</strong>', page, re.DOTALL)
    return [
        html.unescape(re.sub(r"<span class=\"badge.*?</span>|<[^>]+>", "", each)).strip()
        for each in found
    ]


async def test_nobody_yet(desk: Desk) -> None:
    page = (await desk.get("/leads")).text
    assert "Nobody has called yet" in page
    assert "Nobody fits this search" in (await desk.get("/leads", q="maya")).text


async def test_the_list_searches_and_keeps_its_filters(voice: Api, desk: Desk) -> None:
    await people(voice)
    page = (await desk.get("/leads", order="name")).text
    assert names(page) == ["Ana Souza", "Maya Okafor", "Sam Okafor"]
    assert "+44 7700 900123" in page
    assert "Thu 26 Nov, 10:00" in page
    for query, found in {
        "okafor": ["Maya Okafor", "Sam Okafor"],
        "07700 900456": ["Ana Souza"],
        "900 123": ["Maya Okafor", "Sam Okafor"],
        "nobody": [],
    }.items():
        page = (await desk.get("/leads", q=query, order="name")).text
        assert names(page) == found, query
        assert f'name="q" value="{query}"' in page
    filtered: list[tuple[dict[str, Any], int]] = [
        ({"status": "upcoming"}, 3),
        ({"status": "none"}, 0),
        ({"status": "no_show"}, 0),
        ({"source": "phone"}, 3),
        ({"source": "desk"}, 0),
        ({"since": "2026-11-02"}, 3),
        ({"since": "2026-11-03"}, 0),
        ({"tier": "hot", "source": "phone"}, 0),
        ({"tier": "<script>", "status": "x", "order": "y", "source": "z"}, 3),
    ]
    for filters, count in filtered:
        assert len(names((await desk.get("/leads", **filters)).text)) == count, filters
    assert "must be a day" in (await desk.get("/leads", since="soon")).text


async def test_after_somebody_who_was_erased_the_list_begins_again(voice: Api, desk: Desk) -> None:
    known = await people(voice)
    page = await desk.get("/leads", order="name", after=str(uuid4()))
    assert page.status_code == 200
    assert names(page.text) == ["Ana Souza", "Maya Okafor", "Sam Okafor"]
    assert "no longer among the leads" in page.text
    assert "From the beginning" not in page.text
    page = await desk.get("/leads", order="name", after=known["Ana"])
    assert names(page.text) == ["Maya Okafor", "Sam Okafor"]
    assert "no longer among the leads" not in page.text


async def test_a_score_has_its_reasons_beside_it(voice: Api, desk: Desk) -> None:
    lead = (await people(voice))["Maya"]
    await (await voice.database.owner()).execute(
        "INSERT INTO lead_scores (org_id, lead_id, score, tier, reasons, scored_at) "
        """VALUES ($1, $2, 80, 'hot', '[{"reason": "upcoming", "points": 20}]', now())"""
        "ON CONFLICT (org_id, lead_id) DO UPDATE SET score = 80, tier = 'hot', "
        "reasons = excluded.reasons",
        voice.clinic.id,
        UUID(lead),
    )
    page = (await desk.get("/leads", tier="hot")).text
    assert names(page) == ["Maya Okafor"]
    said = (
        r'title="\+20 [^"]*appointment to come">hot 80</span><span class="visually-hidden">: \+20'
    )
    assert re.search(said, page)


async def test_the_list_is_paged(voice: Api, desk: Desk) -> None:
    await (await voice.database.owner()).execute(
        "INSERT INTO leads (org_id, name, person, phone) "
        "SELECT $1, 'Pat ' || lpad(n::text, 3, '0'), 'pat ' || n, '+4477009' || 10000 + n "
        "FROM generate_series(1, 120) AS n",
        voice.clinic.id,
    )
    for order in ("newest", "name", "score"):
        seen: list[str] = []
        query: dict[str, Any] = {"order": order, "q": "pat"}
        while True:
            page = (await desk.get("/leads", **query)).text
            seen += names(page)
            more = re.search(r'rel="next" href="\?([^"]+)"', page)
            if not more:
                break
            query = dict(p.split("=") for p in html.unescape(more[1]).split("&"))
            assert query["q"] == "pat"
        assert len(seen) == len(set(seen)) == 120, order
        assert "From the beginning" in page


async def test_a_script_is_told_of_ten(voice: Api, desk: Desk) -> None:
    known = await people(voice)
    answer = await desk.get("/leads/search", json=True, q="ana")
    assert answer.json() == [
        {"lead_id": known["Ana"], "name": "Ana Souza", "phone": "+44 7700 900456"}
    ]
    assert answer.headers["cache-control"] == "no-store"
    assert (await desk.get("/leads/search", json=True, q=" ")).json() == []
    await (await voice.database.owner()).execute(
        "INSERT INTO leads (org_id, name, person, phone) SELECT $1, 'Pat', 'pat', "
        "'+4477009' || 10000 + n FROM generate_series(1, 12) AS n",
        voice.clinic.id,
    )
    assert len((await desk.get("/leads/search", json=True, q="pat")).json()) == 10


async def test_a_leads_page(voice: Api, desk: Desk) -> None:
    known = await people(voice)
    answer = await desk.get(f"/leads/{known['Maya']}")
    assert answer.status_code == 200
    page = answer.text
    assert re.search(r"<h1>\s*Maya Okafor\s*</h1>", page)
    assert "Thursday 26 November 2026, 10:00" in page.replace("Thursday,", "Thursday")
    assert f"/leads/{known['Sam']}" in page  # the household
    assert f'value="{known["Sam"]}"' in page  # whom to merge with
    assert "Nothing said" in page
    assert titles(page)[-1].startswith("Booked: Consultation, Thu 26 Nov, 10:00")
    assert "Confirmation text" in titles(page)
    (seen,) = await voice.rows(
        "SELECT * FROM audit_log WHERE action = 'lead_viewed' AND subject_kind = 'lead'"
    )
    assert seen["subject_id"] == known["Maya"]


async def test_a_timeline_is_paged_without_loss(voice: Api, desk: Desk) -> None:
    lead = (await people(voice))["Maya"]
    for n in range(60):
        await desk.post(f"/leads/{lead}/notes", {"body": f"Note {n}"})
    page = (await desk.get(f"/leads/{lead}")).text
    earlier = re.search(r'rel="next" href="(\?[^"#]+)#timeline"', page)
    assert earlier
    first = re.findall(r"Note \d+", page)
    assert len(titles(page)) == 50
    second = await voice.http.get(
        desk.url(f"/leads/{lead}{html.unescape(earlier[1])}"), headers=desk.cookies
    )
    assert len(set(first + re.findall(r"Note \d+", second.text))) == 60
    assert "Newest" in second.text
    assert titles(second.text)[-1].startswith("Booked")


async def test_notes_are_written_and_deleted(voice: Api, desk: Desk) -> None:
    lead = (await people(voice))["Maya"]
    answer = await desk.post(f"/leads/{lead}/notes", {"body": f"Call back {SCRIPT}\r\nsoon"})
    assert answer.status_code == 303
    assert answer.headers["location"].endswith(f"/leads/{lead}?done=noted")
    page = (await desk.get(f"/leads/{lead}", done="noted")).text
    assert "The note is kept." in page
    assert titles(page)[0] == "Note by Staff"
    assert "Call back &lt;script&gt;alert(1)&lt;/script&gt;<br>soon" in page
    for body in ("", "x" * 5001):
        refused = await desk.post(f"/leads/{lead}/notes", {"body": body})
        assert refused.status_code == 422
        assert 'aria-describedby="note-error"' in refused.text
        assert body in refused.text
    delete = re.search(r'action="([^"]+/notes/[^"]+/delete)"', page)
    assert delete
    path = delete[1].removeprefix(f"/clinic/{voice.clinic.id}")
    colleague = await sign_in(voice, "staff")
    assert path not in (await colleague.get(f"/leads/{lead}")).text
    assert (await colleague.post(path)).status_code == 403
    assert (await desk.post(path)).status_code == 303
    assert "Call back" not in (await desk.get(f"/leads/{lead}")).text
    log = await voice.rows("SELECT action, subject_kind, subject_id FROM audit_log ORDER BY id")
    actions = [row for row in log if row["subject_kind"] == "note"]
    assert [row["action"] for row in actions] == ["note_added", "note_deleted"]
    assert len({row["subject_id"] for row in actions}) == 1


async def test_a_merge_and_its_undo(voice: Api, desk: Desk) -> None:
    known = await people(voice)
    maya, ana = known["Maya"], known["Ana"]
    answer = await desk.post(f"/leads/{maya}/merge", {"other": ana})
    assert answer.status_code == 303
    there = answer.headers["location"]
    page = (await voice.http.get(there, headers=desk.cookies)).text
    assert "They are one person now." in page
    undo = re.search(r'<form method="post" action="([^"]+/lead-changes/[^"]+/undo)"', page)
    assert undo
    assert "Ana Souza was merged into Maya Okafor" in titles(page)
    assert len([title for title in titles(page) if title.startswith("Booked")]) == 2
    assert names((await desk.get("/leads", order="name")).text) == ["Maya Okafor", "Sam Okafor"]
    assert "+1 merged" in (await desk.get("/leads", q="ana")).text
    moved = await desk.get(f"/leads/{ana}")
    assert moved.status_code == 303
    assert moved.headers["location"].endswith(f"/leads/{maya}?done=is_merged")
    path = undo[1].removeprefix(f"/clinic/{voice.clinic.id}")
    for _ in range(2):
        undone = await desk.post(path)
        assert undone.headers["location"].endswith(f"/leads/{maya}?done=undone")
    page = (await desk.get(f"/leads/{maya}")).text
    assert "The merging of Maya Okafor and Ana Souza was undone" in titles(page)
    assert "/undo" not in page
    assert (await desk.get(f"/leads/{ana}")).status_code == 200
    log = await voice.rows("SELECT action FROM audit_log WHERE subject_kind = 'lead' ORDER BY id")
    assert {"lead_merged", "lead_change_undone"} <= {row["action"] for row in log}


async def test_whom_to_merge_with_is_found(voice: Api, desk: Desk) -> None:
    known = await people(voice)
    page = (await desk.get(f"/leads/{known['Maya']}", find="souza")).text
    assert re.search(r'id="merge" open', page)
    assert f'name="other" value="{known["Ana"]}"' in page
    page = (await desk.get(f"/leads/{known['Maya']}", find="Maya")).text
    assert "Nobody fits “Maya”" in page


async def test_what_can_not_be_merged(voice: Api, desk: Desk) -> None:
    known = await people(voice)
    maya, ana, sam = known["Maya"], known["Ana"], known["Sam"]
    for other, status, sentence in [
        (maya, 422, "choose somebody else"),
        ("", 422, "Choose who is the same person."),
        (str(uuid4()), 404, "nothing of that kind"),
        ("x", 404, "nothing of that kind"),
    ]:
        refused = await desk.post(f"/leads/{maya}/merge", {"other": other})
        assert refused.status_code == status, other
        assert sentence in refused.text
    await desk.post(f"/leads/{sam}/merge", {"other": ana})
    refused = await desk.post(f"/leads/{maya}/merge", {"other": ana})
    assert refused.status_code == 409
    assert "merged with somebody in the meantime" in refused.text
    told = await desk.post(f"/leads/{maya}/merge", {"other": ana}, json=True)
    assert (told.status_code, told.json()["code"]) == (409, "STALE_VERSION")
    done = await desk.post(f"/leads/{maya}/merge", {"other": sam}, json=True)
    assert done.json()["undo"].endswith(f"/lead-changes/{done.json()['change_id']}/undo")


async def test_a_split_and_its_undo(voice: Api, desk: Desk) -> None:
    lead = (await people(voice))["Maya"]
    other = await book(voice, MAYA, 14)
    page = (await desk.get(f"/leads/{lead}")).text
    assert len(re.findall('name="appointment" value', page)) == 2
    fields = {"name": "amaya okafor", "appointment": other["appointmentId"]}
    answer = await desk.post(f"/leads/{lead}/split", fields)
    assert answer.status_code == 303
    page = (await voice.http.get(answer.headers["location"], headers=desk.cookies)).text
    assert "They are two people now." in page
    assert "1 appointment of Maya Okafor became Amaya Okafor's" in titles(page)
    assert names((await desk.get("/leads", q="amaya")).text) == ["Amaya Okafor"]
    undo = re.search(r'action="([^"]+/undo)"', page)
    assert undo
    await desk.post(undo[1].removeprefix(f"/clinic/{voice.clinic.id}"))
    assert names((await desk.get("/leads", q="amaya")).text) == []
    page = (await desk.get(f"/leads/{lead}")).text
    assert len(re.findall('name="appointment" value', page)) == 2


async def test_what_can_not_be_split_or_undone(voice: Api, desk: Desk) -> None:
    known = await people(voice)
    lead = known["Maya"]
    mine = (await book(voice, MAYA, 14))["appointmentId"]
    theirs = (await book(voice, ANA, 15))["appointmentId"]
    for fields, sentence in [
        ({"name": "👻", "appointment": mine}, "Give the name of the other person."),
        ({"name": "maya okafor", "appointment": mine}, "their own name"),
        ({"name": "Amy"}, "Choose the other person"),
        ({"name": "Amy", "appointment": theirs}, "Choose the other person"),
    ]:
        refused = await desk.post(f"/leads/{lead}/split", fields)
        assert refused.status_code == 422
        assert sentence in html.unescape(refused.text)
        assert f'name="name" value="{fields["name"]}"' in refused.text
    split = await desk.post(f"/leads/{lead}/split", {"name": "Amy", "appointment": mine}, json=True)
    owner = await voice.database.owner()
    await owner.execute(
        "UPDATE appointments SET contact_id = $2 WHERE id = $1", UUID(mine), UUID(known["Ana"])
    )
    path = f"/lead-changes/{split.json()['change_id']}/undo"
    refused = await desk.post(path)
    assert refused.status_code == 409
    assert "belongs to somebody else by now" in refused.text
    assert (await desk.post(f"/lead-changes/{uuid4()}/undo")).status_code == 404


async def test_details_are_edited(voice: Api, desk: Desk) -> None:
    lead = (await people(voice))["Maya"]
    path = f"/leads/{lead}/edit"
    fields = {"name": "Maya Okafor", "email": "maya@a.example", "birth_date": "", "version": "1"}
    answer = await desk.post(path, fields)
    assert answer.headers["location"].endswith("?done=changed")
    page = (await desk.get(f"/leads/{lead}")).text
    assert "Details corrected: e-mail address" in titles(page)
    same = await desk.post(path, fields | {"version": "2"})
    assert same.headers["location"].endswith("?done=unchanged")
    for change, sentence in [
        ({"name": ""}, "A name is needed."),
        ({"name": "👻"}, "That can't be a name."),
        ({"name": "sam okafor"}, "somebody of that name already"),
        ({"email": "maya at home"}, "That is no e-mail address."),
        ({"birth_date": "soon"}, "A day, such as"),
        ({"birth_date": "1789-07-14"}, "Nobody was born on that day."),
    ]:
        refused = await desk.post(path, fields | {"version": "2"} | change)
        assert refused.status_code == 422, change
        assert sentence in html.unescape(refused.text)
        ((name, said),) = change.items()
        assert f'aria-describedby="{name}-error"' in refused.text
        assert f'value="{said}"' in refused.text
    told = await desk.post(path, fields | {"version": "2", "name": ""}, json=True)
    assert (told.status_code, told.json()["where"]) == (422, "name")


async def test_a_stale_form_is_told_what_changed(voice: Api, desk: Desk) -> None:
    lead = (await people(voice))["Maya"]
    path = f"/leads/{lead}/edit"
    fields = {"name": "Maya Okafor", "email": "new@a.example", "birth_date": "", "version": "1"}
    await desk.post(path, fields)
    mine = fields | {"email": "mine@a.example"}
    stale = await desk.post(path, mine)
    assert stale.status_code == 409
    assert "Now: new@a.example" in stale.text
    assert 'value="mine@a.example"' in stale.text
    assert 'name="version" value="2"' in stale.text
    told = await desk.post(path, mine, json=True)
    assert (told.status_code, told.json()["code"]) == (409, "STALE_VERSION")
    assert told.json()["current"] == {
        "name": "Maya Okafor",
        "email": "new@a.example",
        "birth_date": None,
        "version": 2,
    }
    assert (await desk.post(path, mine | {"version": "2"})).status_code == 303


async def test_who_may_only_read_sees_no_forms(voice: Api) -> None:
    known = await people(voice)
    lead = known["Maya"]
    reader, owner = await sign_in(voice, "read_only"), await sign_in(voice, "owner")
    page = (await reader.get(f"/leads/{lead}")).text
    content = page[page.index("<main") :]
    assert '<form method="post"' not in content
    assert "Export" not in content
    assert "Erase" not in content
    for path, fields in {
        f"/leads/{lead}/notes": {"body": "x"},
        f"/leads/{lead}/notes/{uuid4()}/delete": {},
        f"/leads/{lead}/edit": {"name": "x"},
        f"/leads/{lead}/merge": {"other": known["Ana"]},
        f"/leads/{lead}/split": {"name": "x"},
        f"/lead-changes/{uuid4()}/undo": {},
    }.items():
        assert (await reader.post(path, fields)).status_code == 403, path
    page = (await owner.get(f"/leads/{lead}")).text
    assert f"/leads/{lead}/export" in page
    assert f"/leads/{lead}/erase" in page


async def test_another_clinics_people_are_nobody(voice: Api, desk: Desk) -> None:
    known = await people(voice)
    other = await voice.open_clinic()
    stranger = await sign_in(voice, "owner", clinic=other)
    maya, ana = known["Maya"], known["Ana"]
    assert (await stranger.get(f"/leads/{maya}", clinic=other)).status_code == 404
    assert "Okafor" not in (await stranger.get("/leads", clinic=other)).text
    assert (await stranger.get("/leads/search", q="okafor", json=True, clinic=other)).json() == []
    merged = await desk.post(f"/leads/{maya}/merge", {"other": ana}, json=True)
    for path, fields in {
        f"/leads/{maya}/notes": {"body": "x"},
        f"/leads/{maya}/edit": {"name": "x", "version": "1"},
        f"/leads/{maya}/merge": {"other": ana},
        f"/leads/{maya}/split": {"name": "x", "appointment": str(uuid4())},
        f"/lead-changes/{merged.json()['change_id']}/undo": {},
    }.items():
        assert (await stranger.post(path, fields, clinic=other)).status_code == 404, path


async def test_what_callers_say_is_text(voice: Api, desk: Desk) -> None:
    """Script in every field that somebody outside can write."""
    lead = UUID((await people(voice))["Maya"])
    owner = await voice.database.owner()
    said = f"{SCRIPT}\"'><img src=x>"
    for statement in (
        "UPDATE leads SET name = $2 WHERE org_id = $1",
        (
            "UPDATE appointments SET service_type = $2, metadata = "
            "jsonb_build_object('patient', jsonb_build_object('name', $2 || '2')) WHERE org_id = $1"
        ),
        "UPDATE practitioners SET name = $2 WHERE org_id = $1",
        "UPDATE deliveries SET error = $2, status = 'failed' WHERE org_id = $1",
    ):
        await owner.execute(statement, voice.clinic.id, said)
    for statement in (
        "INSERT INTO notes (org_id, lead_id, body, author) VALUES ($1, $3, $2, $2)",
        (
            "INSERT INTO messages (org_id, caller_phone, body, name) "
            "SELECT $1, phone, $2, $2 FROM leads WHERE org_id = $1 AND id = $3"
        ),
        (
            "INSERT INTO texts (org_id, direction, our_number, their_number, body) "
            "SELECT $1, 'in', '+44', phone, $2 FROM leads WHERE org_id = $1 AND id = $3"
        ),
        (
            "INSERT INTO calls (org_id, call_id, lead_id, started_at, summary, transcript) "
            "VALUES ($1, $2, $3, now(), $2, $2)"
        ),
        (
            "INSERT INTO waitlist (org_id, contact_id, service_type, date_from, date_to) "
            "VALUES ($1, $3, $2, '2027-01-01', '2027-01-02')"
        ),
    ):
        await owner.execute(statement, voice.clinic.id, said, lead)
    for page in (
        (await desk.get(f"/leads/{lead}")).text,
        (await desk.get("/leads")).text,
        (await desk.get("/leads", q=said, since=said)).text,
        (await desk.get(f"/leads/{lead}", find=said, before=said, key=said, done=said)).text,
        (await desk.post(f"/leads/{lead}/split", {"name": said})).text,
        (await desk.post(f"/leads/{lead}/edit", {"name": said, "version": said})).text,
    ):
        assert "&lt;script&gt;" in page
        assert "<script>alert" not in page
        assert "<img" not in page
