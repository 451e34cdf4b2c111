"""`voxanne vapi push` against a stand-in that keeps what it is sent and refuses as Vapi does."""

import json
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.acceptance.commands import assert_fails, voxanne
from tests.database import Database
from tests.fakes.vapi_api import KEY, FakeVapi, Fault, fake_vapi
from tests.integration.clinics import Clinic, open_clinic
from voxanne.cli.vapi_push import Account, Push, plan
from voxanne.cli.vapi_rest import Json, VapiError, VapiRest, connect
from voxanne.cli.vapi_template import FUNCTION_NAMES, Persona, Target
from voxanne.inbound.voice.assistant import SERVER_MESSAGES

URL = "https://voice.example.test"
CREDENTIAL = "5f0c1d2e-0000-4000-8000-000000000001"
CLINIC = UUID("a0000000-0000-4000-8000-000000000001")
TARGET = Target(CLINIC, URL, CREDENTIAL)
PERSONA = Persona(
    assistant={
        "name": "Harbor Dental",
        "firstMessage": "Hello.",
        "model": {"provider": "openai", "model": "gpt-4.1", "tools": []},
        "serverMessages": list(SERVER_MESSAGES),
        "metadata": {"org_id": str(CLINIC)},
    },
    prompt="You answer the telephone of Harbor Dental.",
    waiting="One moment.",
    failed="That didn't work. May I take a message?",
)

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def account() -> Iterator[FakeVapi]:
    with fake_vapi() as served:
        yield served


@pytest.fixture
def work(account: FakeVapi) -> Iterator[Push]:
    """The clinic's push, in this process, that waits for nothing."""
    with connect(account.url, KEY) as http:
        yield Push(VapiRest(http, backoff_seconds=(0, 0)), TARGET, PERSONA, None)


def carry_out(work: Push) -> Json:
    return work.carry_out(work.read(), lambda _: None)


def only_assistant(account: FakeVapi) -> Json:
    (assistant,) = account.assistants.values()
    return assistant


def names(account: FakeVapi) -> list[str]:
    return sorted(tool["function"]["name"] for tool in account.tools.values())


def test_a_push_makes_the_tools_and_the_assistant(account: FakeVapi, work: Push) -> None:
    carry_out(work)
    assert names(account) == sorted(FUNCTION_NAMES)
    for id_, tool in account.tools.items():
        name = tool["function"]["name"]
        assert tool["server"]["url"] == f"{URL}/api/vapi/tools/{name}"
        assert tool["server"]["credentialId"] == CREDENTIAL
        assert tool["server"]["headers"] == {"X-Org-Id": str(CLINIC)}
        assert tool["async"] is False
        assert id_ in only_assistant(account)["model"]["toolIds"]
    assistant = only_assistant(account)
    assert assistant["server"]["url"] == f"{URL}/api/vapi"
    assert assistant["metadata"] == {"org_id": str(CLINIC)}
    (system,) = assistant["model"]["messages"]
    assert system["role"] == "system"
    assert PERSONA.prompt in system["content"]
    assert {"tool-calls", "end-of-call-report"} <= set(assistant["serverMessages"])


def test_the_platforms_own_tool_puts_callers_through(account: FakeVapi, work: Push) -> None:
    """A function's answer can't move a call; Vapi's tool can, and asks our server where to."""
    carry_out(work)
    assert "transferCall" not in names(account)
    assert only_assistant(account)["model"]["tools"] == [
        {"type": "transferCall", "destinations": []}
    ]
    assert "transfer-destination-request" in only_assistant(account)["serverMessages"]


def test_a_second_push_changes_nothing(account: FakeVapi, work: Push) -> None:
    carry_out(work)
    account.requests.clear()
    assert plan(work.read(), TARGET, PERSONA) == []
    carry_out(work)
    assert account.changes == []


def test_a_new_text_changes_the_assistant_alone(account: FakeVapi, work: Push) -> None:
    carry_out(work)
    account.requests.clear()
    carry_out(replace(work, persona=replace(PERSONA, prompt="Something else.")))
    ((method, _, fields),) = account.changes
    assert method == "PATCH"
    assert fields is not None
    assert fields.keys() == {"model"}
    (system,) = only_assistant(account)["model"]["messages"]
    assert "Something else." in system["content"]
    assert PERSONA.prompt not in system["content"]


def test_what_the_operator_set_stays(account: FakeVapi, work: Push) -> None:
    made = carry_out(work)
    other = account.add("tool", {"type": "function", "function": {"name": "weather"}})
    assistant = account.assistants[made["id"]]
    model = assistant["model"]
    model |= {"model": "gpt-4o", "temperature": 0.7, "emotionRecognitionEnabled": True}
    model["toolIds"] = [other, *model["toolIds"]]
    ours = model["messages"][0]["content"]
    model["messages"] = [
        {"role": "system", "content": f"Be brief.\n{ours}\nNever sing."},
        {"role": "assistant", "content": "Hello."},
    ]
    assistant |= {
        "name": "Front desk",
        "voice": {"provider": "vapi", "voiceId": "Elliot"},
        "firstMessage": "Hi!",
        "metadata": {"team": "front", "org_id": str(CLINIC)},
        "serverMessages": ["hang", "conversation-update"],
        "server": {**assistant["server"], "timeoutSeconds": 25, "headers": {"X-Mine": "1"}},
    }
    for tool in account.tools.values():
        tool["messages"] = [{"type": "request-start", "content": "Let me see."}]
    before = json.loads(json.dumps(assistant))

    carry_out(replace(work, persona=replace(PERSONA, prompt="Something else.")))
    for field in ("name", "voice", "firstMessage", "metadata"):
        assert assistant[field] == before[field]
    for field in ("model", "temperature", "emotionRecognitionEnabled", "toolIds"):
        assert assistant["model"][field] == before["model"][field]
    system, greeting = assistant["model"]["messages"]
    assert system["content"].startswith("Be brief.\n<voxanne>\nSomething else.")
    assert system["content"].endswith("</voxanne>\nNever sing.")
    assert greeting == {"role": "assistant", "content": "Hello."}
    assert assistant["serverMessages"][:2] == ["hang", "conversation-update"]
    assert "tool-calls" in assistant["serverMessages"]
    assert assistant["server"]["headers"] == {"X-Mine": "1", "X-Org-Id": str(CLINIC)}
    assert assistant["server"]["timeoutSeconds"] == 25
    said = {tool["messages"][0]["content"] for tool in account.tools.values() if "messages" in tool}
    assert said == {"Let me see."}
    account.requests.clear()
    carry_out(replace(work, persona=replace(PERSONA, prompt="Something else.")))
    assert account.changes == []


def test_an_assistant_that_was_there_before_gets_our_part(account: FakeVapi, work: Push) -> None:
    by_hand = account.add(
        "tool", {"type": "function", "function": {"name": "checkAvailability"}, "server": {}}
    )
    theirs = account.add(
        "assistant",
        {
            "name": "Front desk",
            "model": {
                "provider": "anthropic",
                "model": "claude",
                "messages": [{"role": "system", "content": "Be brief."}],
                "toolIds": [by_hand],
                "tools": [{"type": "function", "function": {"name": "holdSlot"}}],
            },
        },
    )
    carry_out(replace(work, assistant_id=theirs))
    model = only_assistant(account)["model"]
    assert model["provider"] == "anthropic"
    assert model["messages"][0]["content"].endswith("</voxanne>\n\nBe brief.")
    assert by_hand not in model["toolIds"], "two tools of one name"
    assert len(model["toolIds"]) == len(FUNCTION_NAMES)
    assert [tool["type"] for tool in model["tools"]] == ["transferCall"]
    assert by_hand in account.tools, "it may serve another assistant"
    assert "serverMessages" not in only_assistant(account), "unset, it is Vapi's default"
    # From now on it is found by its metadata.
    assert plan(work.read(), TARGET, PERSONA) == []


def test_two_clinics_of_one_account_keep_apart(account: FakeVapi, work: Push) -> None:
    other = UUID("b0000000-0000-4000-8000-000000000002")
    first = carry_out(work)
    kept = json.dumps(account.tools)
    second = carry_out(replace(work, target=replace(TARGET, organization=other)))
    assert first["id"] != second["id"]
    assert not set(first["model"]["toolIds"]) & set(second["model"]["toolIds"])
    assert json.dumps(dict(list(account.tools.items())[: len(FUNCTION_NAMES)])) == kept
    with pytest.raises(VapiError, match=str(other)):
        replace(work, assistant_id=second["id"]).read()


def test_the_credential_of_the_assistant_is_used_again(account: FakeVapi, work: Push) -> None:
    carry_out(work)
    account.requests.clear()
    carry_out(replace(work, target=replace(TARGET, credential_id=None)))
    assert account.changes == []
    gone = only_assistant(account)["model"]["toolIds"].pop()
    del account.tools[gone]
    carry_out(replace(work, target=replace(TARGET, credential_id=None)))
    assert {tool["server"]["credentialId"] for tool in account.tools.values()} == {CREDENTIAL}


def test_several_assistants_of_a_clinic_are_asked_about(account: FakeVapi, work: Push) -> None:
    made = [
        account.add("assistant", {"name": "A", "metadata": {"org_id": str(CLINIC)}})
        for _ in range(2)
    ]
    with pytest.raises(VapiError, match="--assistant-id") as told:
        work.read()
    assert all(id_ in str(told.value) for id_ in made)


@pytest.mark.parametrize("status", [429, 500, 502, 503])
def test_it_tries_again_and_makes_each_thing_once(
    account: FakeVapi, work: Push, status: int
) -> None:
    account.fail("GET", Fault(status))
    account.fail("POST", Fault(status), Fault(status))
    carry_out(work)
    assert names(account) == sorted(FUNCTION_NAMES)
    assert len(account.assistants) == 1


def test_what_was_made_before_the_answer_got_lost_is_not_made_twice(
    account: FakeVapi, work: Push
) -> None:
    lost = Fault(502, carried_out=True)
    account.fail("POST", *[lost] * (len(FUNCTION_NAMES) + 1))
    carry_out(work)
    assert names(account) == sorted(FUNCTION_NAMES)
    assert len(account.assistants) == 1


def test_it_gives_up(account: FakeVapi, work: Push) -> None:
    account.fail("POST", *[Fault(503)] * 3)
    with pytest.raises(VapiError, match=r"503.*3 attempts"):
        carry_out(work)
    assert len([request for request in account.requests if request[0] == "POST"]) == 3
    carry_out(work)
    assert names(account) == sorted(FUNCTION_NAMES), "and goes on where it stopped"


def test_a_refusal_is_not_repeated(account: FakeVapi, work: Push) -> None:
    account.fail("POST", Fault(400))
    with pytest.raises(VapiError, match=r"400.*Try again"):
        carry_out(work)
    assert len(account.changes) == 1


def test_all_pages_are_read(account: FakeVapi, work: Push, monkeypatch: pytest.MonkeyPatch) -> None:
    carry_out(work)
    monkeypatch.setattr("voxanne.cli.vapi_rest.PAGE", 4)
    for _ in range(20):
        account.add("assistant", {"name": "Somebody else's"})
    assert plan(work.read(), TARGET, PERSONA) == []


def test_nobody_listens(work: Push) -> None:
    with connect("http://127.0.0.1:9", KEY) as http, pytest.raises(VapiError, match="reached"):
        replace(work, rest=VapiRest(http, backoff_seconds=(0,))).read()


def test_the_key_goes_to_no_address_without_tls() -> None:
    with pytest.raises(VapiError, match="https"):
        connect("http://api.example.test", KEY)


def test_a_pinned_tool_is_not_listed_twice() -> None:
    """Vapi drops an id from `toolIds` that a version pin names too."""
    tools: dict[str, Any] = {}
    first = plan(Account({}, None), TARGET, PERSONA)
    for change in first[:-1]:
        tools[change.name] = {**change.fields, "id": change.name}
    assistant = {**first[-1].fields, "id": "as-1"}
    ids = list(tools)
    assistant["model"] = {
        **assistant["model"],
        "toolIds": ids[1:],
        "toolRefs": [{"toolId": ids[0], "version": "2"}],
    }
    assert plan(Account(tools, assistant), TARGET, PERSONA) == []


@pytest.fixture
async def clinic(database: Database) -> Clinic:
    return await open_clinic(database)


@pytest.fixture
def run(database: Database, clinic: Clinic, account: FakeVapi, tmp_path: Path) -> Run:
    """`voxanne vapi push "Harbor Dental" --url …` with the account's key."""

    def push(*options: str, key: str | None = KEY) -> subprocess.CompletedProcess[str]:
        settings = {"DATABASE_URL": database.owner_url, "VOXANNE_VAPI_API_URL": account.url}
        settings |= {"VOXANNE_VAPI_API_KEY": key} if key else {}
        arguments = ("vapi", "push", "Harbor Dental", "--url", f"{URL}/", *options)
        return voxanne(*arguments, settings=settings, cwd=tmp_path)

    return push


def test_without_apply_it_only_shows(run: Run, account: FakeVapi, clinic: Clinic) -> None:
    shown = run()
    assert shown.returncode == 0, shown.stderr
    assert "+++ tool bookClinicAppointment from here" in shown.stdout
    assert "+++ assistant Harbor Dental from here" in shown.stdout
    assert "10 changes" in shown.stderr
    assert "--credential-id" in shown.stderr, "nobody would let Vapi in"
    assert account.changes == []
    assert KEY not in shown.stdout + shown.stderr


def test_applied_it_is_up_to_date(run: Run, account: FakeVapi, clinic: Clinic) -> None:
    done = run("--apply", "--credential-id", CREDENTIAL)
    assert done.returncode == 0, done.stderr
    assistant = only_assistant(account)
    assert f"Done. The assistant is {assistant['id']}" in done.stderr
    assert "--credential-id" not in done.stderr
    assert assistant["metadata"] == {"org_id": str(clinic.id)}
    assert "Harbor Dental" in assistant["firstMessage"]
    prompt = assistant["model"]["messages"][0]["content"]
    assert "Monday to Friday from 9 am to 5 pm" in prompt
    assert "60 minutes" in prompt
    assert '{{"now" | date: "%A", "Europe/London"}}' in prompt, "the day of the call, not of today"
    account.requests.clear()
    again = run("--apply")
    assert (again.returncode, again.stdout) == (0, "")
    assert "Nothing to change" in again.stderr
    assert account.changes == []


def test_a_change_is_shown_as_a_difference_without_secrets(run: Run, account: FakeVapi) -> None:
    run("--apply", "--credential-id", CREDENTIAL)
    assistant = only_assistant(account)
    assistant["server"]["headers"]["Authorization"] = "Bearer planted"
    assistant["server"]["url"] = "https://old.example.test"
    prompt = assistant["model"]["messages"][0]
    prompt["content"] = prompt["content"].replace("Never make up a time.", "Make up a time.")
    shown = run()
    assert '-    "url": "https://old.example.test"' in shown.stdout
    assert f'+    "url": "{URL}/api/vapi"' in shown.stdout
    removed = [line for line in shown.stdout.splitlines() if line.startswith("-")]
    assert any("Make up a time." in line for line in removed)
    assert sum("offer two or three" in line for line in removed) == 1, "a line, not the whole text"
    assert "planted" not in shown.stdout + shown.stderr
    assert run("--apply").returncode == 0
    assert assistant["server"]["headers"]["Authorization"] == "Bearer planted"


def test_json_reports_what_it_would_do_and_did(run: Run, account: FakeVapi) -> None:
    planned = json.loads(run("--json").stdout)
    assert planned["applied"] is False
    assert planned["assistant_id"] is None
    assert {change["action"] for change in planned["changes"]} == {"create"}
    done = json.loads(run("--json", "--apply").stdout)
    assert done["applied"] is True
    assert done["assistant_id"] == only_assistant(account)["id"]
    assert json.loads(run("--json").stdout)["changes"] == []


def test_without_a_key_it_prints_what_it_would_make(run: Run, account: FakeVapi) -> None:
    printed = run(key=None)
    assert printed.returncode == 0, printed.stderr
    changes = json.loads(printed.stdout)["changes"]
    made = [change["fields"]["function"]["name"] for change in changes if change["kind"] == "tool"]
    assert sorted(made) == sorted(FUNCTION_NAMES)
    assert account.requests == []
    assert_fails(run("--apply", key=None), "VOXANNE_VAPI_API_KEY", code=2)


def test_what_is_wrong_is_told_in_a_line(run: Run) -> None:
    assert_fails(run(key="another key"), "refused the key", "VOXANNE_VAPI_API_KEY")
    assert_fails(run("--assistant-id", "nobody"), "knows nothing", "/assistant/nobody")
    assert_fails(run("--url", "http://voice.example.test"), "https", "--url", code=2)


async def test_the_assistant_speaks_the_clinics_language(
    run: Run, account: FakeVapi, database: Database
) -> None:
    await (await database.owner()).execute("UPDATE organizations SET language = 'de'")
    assert run("--apply").returncode == 0
    assistant = only_assistant(account)
    assert assistant["transcriber"]["language"] == "de"
    assert "Speak German" in assistant["model"]["messages"][0]["content"]
