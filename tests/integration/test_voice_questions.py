"""What a voice platform asks besides tool calls: which assistant, where to, what is known."""

from datetime import UTC, datetime

import pytest

from tests.integration.clinics import VAPI_URL, Api, hold_lock
from tests.integration.test_voice_messages import message
from tests.integration.tool_calls import set_clinic, use
from voxanne.inbound.voice.prompt import VARIABLES
from voxanne.inbound.voice.schemas import TOOL_NAMES

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_an_assistant_is_made_for_the_call(voice: Api) -> None:
    answered = await voice.answer(message("assistant-request"))
    assert answered.keys() == {"assistant", "assistantOverrides"}
    assistant = answered["assistant"]
    assert assistant["firstMessage"] == "Thank you for calling Harbor Dental. How can I help you?"
    assert "server" not in assistant, "the number's own server carries the credential"
    tools = assistant["model"]["tools"]
    functions = {tool["function"]["name"] for tool in tools if tool["type"] == "function"}
    assert functions == TOOL_NAMES - {"transferCall"}
    assert {"type": "transferCall", "destinations": []} in tools
    assert len(assistant["name"]) <= 40


async def test_the_clinics_own_assistant_is_named(voice: Api) -> None:
    there = await voice.open_clinic()
    owner = await voice.database.owner()
    line = "INSERT INTO voice_lines (kind, value, org_id) VALUES ('assistant_id', 'asst-7', $1)"
    await owner.execute(line, there.id)

    answered = await voice.answer(message("assistant-request"), there.bearer)

    assert answered.keys() == {"assistantId", "assistantOverrides"}
    assert answered["assistantId"] == "asst-7"
    assert answered["assistantOverrides"]["variableValues"]["clinic"]


async def test_it_is_told_what_holds_now(voice: Api) -> None:
    answered = await voice.answer(message("assistant-request"))
    told = answered["assistantOverrides"]["variableValues"]
    assert told == {
        "clinic": "Harbor Dental",
        "today": "2026-11-02",
        "weekday": "Monday",
        "localTime": "8 am",
        "timezone": "Europe/London",
        "hours": "We're open Monday to Friday from 9 am to 5 pm.",
        "services": "We offer: Consultation, 60 minutes.",
        "practitioners": "You can see Harbor Dental.",
        "address": "",
        "language": "English",
    }
    assert told.keys() >= VARIABLES
    for variable in VARIABLES:
        assert f"{{{{{variable}}}}}" in str(answered["assistant"]["model"]["messages"])


async def test_today_is_the_clinics(voice: Api) -> None:
    there = await voice.open_clinic(timezone="Pacific/Auckland", country="NZ")
    await voice.database.set_clock(datetime(2026, 11, 2, 12, tzinfo=UTC))
    answered = await voice.answer(message("assistant-request"), there.bearer)
    told = answered["assistantOverrides"]["variableValues"]
    assert (told["today"], told["weekday"], told["localTime"]) == ("2026-11-03", "Tuesday", "1 am")


async def test_for_a_clinic_that_is_not_known_there_is_a_sentence(voice: Api) -> None:
    other = await voice.open_clinic()
    body = message("assistant-request", metadata={"org_id": str(other.id)})
    answered = await voice.answer(body)
    assert answered.keys() == {"error"}
    assert answered["error"].startswith("I'm sorry")


async def test_a_call_is_put_through_while_somebody_is_there(voice: Api) -> None:
    await set_clinic(voice, transfer_number="+442079460000")
    closed = await voice.answer(message("transfer-destination-request"))
    assert closed.keys() == {"error"}
    assert "we open on Monday 2 November at 9 am" in closed["error"]
    await voice.database.set_clock(datetime(2026, 11, 2, 10, tzinfo=UTC))
    answered = await voice.answer(message("transfer-destination-request"))
    assert answered == {
        "destination": {
            "type": "number",
            "number": "+442079460000",
            "message": "I'm putting you through now. One moment, please.",
        }
    }


@pytest.mark.parametrize(
    ("question", "first"),
    [
        ("Are you open on Monday?", "hours"),
        ("What does a consultation cost?", "services"),
        ("Which doctor would I see?", "practitioners"),
        ("Where can I park?", "address"),
    ],
)
async def test_a_knowledge_base_request_is_answered_from_what_the_clinic_says(
    voice: Api, question: str, first: str
) -> None:
    await set_clinic(voice, address="1 Harbour Road, London")
    histories = (
        {"messages": [{"role": "user", "message": question}, {"role": "bot", "message": "Well,"}]},
        {"messagesOpenAIFormatted": [{"role": "user", "content": question}]},
    )
    for history in histories:
        answered = await voice.answer(message("knowledge-base-request", **history))
        documents = answered["documents"]
        assert (documents[0]["uuid"], documents[0]["similarity"]) == (first, 1.0)
        likeness = [document["similarity"] for document in documents]
        assert likeness == sorted(likeness, reverse=True)


@pytest.mark.parametrize(
    "messages", [None, "hello", [], [7, None, {}], [{"role": "user", "message": 7}]]
)
async def test_without_a_question_there_are_no_documents(voice: Api, messages: object) -> None:
    body = message("knowledge-base-request", messages=messages)
    assert await voice.answer(body) == {"documents": []}


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("assistant-request", "error"),
        ("transfer-destination-request", "error"),
        ("knowledge-base-request", "documents"),
    ],
)
async def test_a_question_has_an_answer_when_the_database_has_none(
    voice: Api, kind: str, expected: str
) -> None:
    blocker = await voice.database.connect_owner()
    await hold_lock(blocker, "opening_hours")
    try:
        answered = await voice.answer(message(kind))
    finally:
        await blocker.execute("ROLLBACK")
    assert answered.keys() == {expected}


async def test_a_question_is_kept_like_any_message(voice: Api) -> None:
    await voice.answer(message("assistant-request"), path=VAPI_URL)
    assert await voice.value("SELECT type FROM voice_messages") == "assistant-request"


@pytest.mark.parametrize("language", ["de", "de-AT", "DE"])
async def test_the_language_the_platform_reports_is_spoken(voice: Api, language: str) -> None:
    english = await use(voice, "getClinicInfo", {"topic": "now"})
    header = {**voice.clinic.bearer, "X-Language": language}
    german = await use(voice, "getClinicInfo", {"topic": "now"}, headers=header)
    assert german["message"] != english["message"]
    assert "Montag" in german["message"]


async def test_a_change_of_language_lasts_for_the_call(voice: Api) -> None:
    await voice.answer(message("language-change-detected", language="de"))
    assert "Montag" in (await use(voice, "getClinicInfo", {"topic": "now"}))["message"]
    other = await use(voice, "getClinicInfo", {"topic": "now"}, call_id="another-call")
    assert "Monday" in other["message"]


async def test_without_a_report_the_clinics_language_is_spoken(voice: Api) -> None:
    await set_clinic(voice, language="es")
    assert "lunes" in (await use(voice, "getClinicInfo", {"topic": "now"}))["message"]
    unknown = {**voice.clinic.bearer, "X-Language": "tlh"}
    answered = await use(voice, "getClinicInfo", {"topic": "now"}, headers=unknown)
    assert "lunes" in answered["message"]
