"""The pages of calls."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.clinics import NOW, Api, Json
from tests.integration.front_desk import sign_in
from tests.integration.test_calls import WRONG, check, ended
from tests.integration.test_voice_messages import message
from tests.unit import vapi_bodies as bodies
from voxanne.inbound.dashboard.call_words import end_reason
from voxanne.inbound.dashboard.moments import call_path

pytestmark = pytest.mark.asyncio(loop_scope="module")

SCRIPT = "<script>alert(1)</script>"
PATH = call_path(bodies.CALL_ID)


def called(call_id: str, **fields: Any) -> Json:
    body = ended(**fields)
    body["message"]["call"]["id"] = call_id
    return body


def links(page: str) -> list[str]:
    return [html.unescape(link) for link in re.findall(r'href="[^"]*(/calls/[^"]+)"', page)]


async def test_nothing_yet(voice: Api) -> None:
    page = await (await sign_in(voice, "read_only")).get("/calls")
    assert page.status_code == 200
    assert "No calls yet" in page.text


async def test_a_call_in_the_list_and_on_its_page(voice: Api) -> None:
    await voice.book()
    await voice.answer(ended(WRONG, cost=0.126))
    await check(voice)
    desk = await sign_in(voice, "read_only")
    listed = (await desk.get("/calls")).text
    for shown in ("Maya Okafor", "2 min", "The caller hung up", "mismatch", "booked", "$0.13"):
        assert shown in listed
    page = (await desk.get(PATH)).text
    assert links(listed) == [PATH]
    for shown in (
        "The caller was told another time.",
        "You&#39;re booked for Thursday, November 26th at 11 AM.",
        "Thu 26 Nov, 10:00",
        "<strong>Agent:</strong>",
        "<strong>Caller:</strong> Thanks.",
        "booked in this call",
        "+44 7700 900123",
    ):
        assert shown in page
    assert await voice.value("SELECT count(*) FROM audit_log WHERE action = 'call_viewed'") == 1


async def test_a_call_that_is_on_the_line(voice: Api) -> None:
    body = message("status-update", status="in-progress")
    del body["message"]["call"]["createdAt"]
    await voice.answer(body)
    desk = await sign_in(voice)
    assert "in progress" in (await desk.get("/calls")).text
    assert "Known when the call is over." in (await desk.get(PATH)).text


async def test_a_report_of_nulls(voice: Api) -> None:
    nulls = (
        "artifact",
        "analysis",
        "endedReason",
        "startedAt",
        "endedAt",
        "customer",
        "phoneNumber",
    )
    body = called("c", **dict.fromkeys(nulls))
    body["message"]["call"] = {"id": "c", "customer": None, "createdAt": None}
    await voice.answer(body)
    desk = await sign_in(voice)
    assert "Number withheld" in (await desk.get("/calls")).text
    page = await desk.get("/calls/c")
    assert page.status_code == 200
    assert "The platform sent none." in page.text


async def test_script_is_shown_as_text(voice: Api) -> None:
    said = f"AI: You're booked for Thursday at ten {SCRIPT} \"><img src=x onerror=alert(1)>"
    history = [{"role": "tool_calls", "toolCalls": [{"id": "a", "function": {"name": SCRIPT}}]}]
    await voice.answer(
        called(
            f"c{SCRIPT}",
            artifact={
                "transcript": said,
                "messages": history,
                "recordingUrl": "https://a.test/x.mp3?X-Amz-Expires=60",
            },
            analysis={"summary": SCRIPT},
            endedReason="x-" + "y" * 50,
        )
    )
    await check(voice)
    desk = await sign_in(voice)
    for path in ("/calls", call_path(f"c{SCRIPT}")):
        page = await desk.get(path)
        assert page.status_code == 200
        assert SCRIPT not in page.text
        assert "<img" not in page.text
    assert page.text.count(html.escape(SCRIPT)) == 4  # said, and quoted; summary; tool
    assert 'rel="noreferrer noopener"' in page.text
    assert "may have expired" in page.text
    assert "There is no such appointment." in page.text


async def test_a_transcript_of_a_megabyte(voice: Api) -> None:
    await voice.answer(ended("User: Grüße, 😀 and a long story.\nAI: I see.\n" * 23_000))
    page = await (await sign_in(voice)).get(PATH)
    assert page.status_code == 200
    assert "The transcript was longer." in page.text
    assert len(page.text) < 1_000_000


@pytest.mark.parametrize("call_id", ["a/b", "a%2Fb", "ü ?#&=", "%", "..a", 'x"y', "a+b", "+442079"])
async def test_any_id_has_a_page(voice: Api, call_id: str) -> None:
    await voice.answer(called(call_id))
    desk = await sign_in(voice)
    (link,) = links((await desk.get("/calls")).text)
    page = await desk.get(link)
    assert page.status_code == 200
    viewed = await voice.value("SELECT subject_id FROM audit_log WHERE action = 'call_viewed'")
    assert viewed == call_id


@pytest.mark.parametrize("said", ["nobody", "a%2Fb", "%252F", "x" * 300, "%00", "%FF", "%0A"])
async def test_an_unknown_id_is_no_page(voice: Api, said: str) -> None:
    await voice.answer(ended())
    assert (await (await sign_in(voice)).get(f"/calls/{said}")).status_code == 404


async def test_another_clinics_call_is_no_page(voice: Api) -> None:
    other = await voice.open_clinic()
    await voice.answer(ended(), other.bearer)
    desk = await sign_in(voice)
    assert (await desk.get(PATH)).status_code == 404
    assert links((await desk.get("/calls")).text) == []


async def test_filters_and_pages(voice: Api) -> None:
    for number in range(52):
        began = NOW - timedelta(minutes=60 - number)
        body = called(f"call-{number:02}", transcript=None, startedAt=began.isoformat())
        body["message"]["call"]["customer"] = {"number": f"+4477009{number:05}"}
        await voice.answer(body)
    await voice.book(call_id="call-50")
    desk = await sign_in(voice)

    async def found(**query: Any) -> list[str]:
        return [link.rpartition("/")[2] for link in links((await desk.get("/calls", **query)).text)]

    first = (await desk.get("/calls")).text
    assert [link.rpartition("/")[2] for link in links(first)] == [
        f"call-{number:02}" for number in range(51, 1, -1)
    ]
    older = html.unescape(re.findall(r'href="([^"]+before=[^"]+)"', first)[0])
    second = (await voice.http.get(older, headers=desk.cookies)).text
    assert [link.rpartition("/")[2] for link in links(second)] == ["call-01", "call-00"]
    assert await found(outcome="booked") == ["call-50"]
    assert await found(number="00007") == ["call-07"]
    assert await found(number="+44 7700 900012") == ["call-12"]
    assert await found(mismatch="1") == []
    assert len(await found(outcome="none", days="all")) == 50
    for nonsense in ({"before": "x"}, {"before": "2026-01-01~c"}, {"days": "-5"}, {"outcome": "'"}):
        assert len(await found(**nonsense)) == 50, nonsense
    await voice.database.set_clock(NOW + timedelta(days=8))
    assert await found(days="7") == []


async def test_a_page_without_one_that_fits_goes_on(voice: Api) -> None:
    await voice.value(
        "INSERT INTO calls (org_id, call_id, started_at) "
        "SELECT $1, 'c' || n, $2::timestamptz + n * interval '1 second' "
        "FROM generate_series(0, 2000) AS n",
        voice.clinic.id,
        NOW - timedelta(days=1),
    )
    await voice.book(call_id="c0")
    desk = await sign_in(voice)
    first = (await desk.get("/calls", outcome="booked")).text
    assert "No call like that among those looked at so far." in first
    older = html.unescape(re.findall(r'href="([^"]+before=[^"]+)"', first)[0])
    second = (await voice.http.get(older, headers=desk.cookies)).text
    assert [link.rpartition("/")[2] for link in links(second)] == ["c0"]
    assert "Older" not in second


async def test_reasons_in_words() -> None:
    assert end_reason("customer-ended-call") == "The caller hung up"
    assert end_reason("pipeline-error-openai-llm-failed") == "Pipeline error openai llm failed"
    assert end_reason("call.in-progress.error") == "Call in progress error"
    assert end_reason(None) == ""
