"""Signing in and out, by password and by link; one's account; joining a second clinic."""

import asyncio
from datetime import timedelta

import argon2
import pytest

from tests.integration.clinics import NOW, Api
from tests.integration.front_desk import sign_in
from tests.integration.staff_accounts import (
    EMAIL,
    PASSWORD,
    Browser,
    hashed,
    make_account,
    make_link,
)
from voxanne.inbound.dashboard import passwords
from voxanne.inbound.tokens import new_token, token_hash
from voxanne.outbox.chores import chores_of_the_diary, sweep_sign_ins

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHEAP = argon2.PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
OTHER_PASSWORD = "seven quiet winter trains"


@pytest.fixture(autouse=True)
def cheap_hashes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """How dear a hash is, is tests/unit/test_passwords.py's; here it would be half of the time."""
    if request.node.name != "test_a_hash_of_older_parameters_is_renewed":
        monkeypatch.setattr(passwords, "HASHER", CHEAP)


@pytest.fixture
def browser(voice: Api) -> Browser:
    return Browser(voice.http)


async def test_nobody_gets_the_form(browser: Browser) -> None:
    assert (await browser.get("/")).headers["location"] == "/sign-in"
    page = await browser.get("/sign-in")
    assert page.status_code == 200
    for said in ('autocomplete="username"', 'autocomplete="current-password"', "<h1>Sign in</h1>"):
        assert said in page.text


async def test_a_password_opens_a_session(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    answer = await browser.sign_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await browser.get("/")).headers["location"] == f"/clinic/{voice.clinic.id}/calendar"
    page = await browser.get(f"/clinic/{voice.clinic.id}/calendar")
    assert page.status_code == 200
    assert await voice.value("SELECT token_hash FROM sessions") == token_hash(browser.token or "")


@pytest.mark.parametrize("email", [EMAIL.upper(), f" {EMAIL} "])
async def test_an_address_is_the_same_however_it_is_typed(
    voice: Api, browser: Browser, email: str
) -> None:
    await make_account(voice)
    assert (await browser.sign_in(email=email)).status_code == 303


@pytest.mark.parametrize(
    ("email", "password"),
    [
        (EMAIL, "another dark harbour light"),
        (EMAIL, PASSWORD + " "),
        (EMAIL, PASSWORD.upper()),
        ("nobody@clinic.example", PASSWORD),
        ("%", PASSWORD),
        ("' OR true --", PASSWORD),
        (EMAIL, "x" * 5_000),
    ],
)
async def test_whatever_is_wrong_is_said_in_the_same_words(
    voice: Api, browser: Browser, email: str, password: str
) -> None:
    await make_account(voice)
    answer = await browser.sign_in(email, password)
    assert answer.status_code == 401
    assert "The e-mail address or the password is wrong." in answer.text
    assert "set-cookie" not in answer.headers
    assert password not in answer.text


async def test_an_account_without_a_password_has_none_that_fits(
    voice: Api, browser: Browser
) -> None:
    await make_account(voice, password=None)
    for password in ("no account has this password", "None", "null"):
        assert (await browser.sign_in(password=password)).status_code == 401


async def test_what_is_missing_is_said_beside_its_field(voice: Api, browser: Browser) -> None:
    answer = await browser.post("/sign-in", {"email": "", "password": ""})
    assert answer.status_code == 422
    assert 'aria-describedby="email-error"' in answer.text
    assert 'aria-describedby="password-error"' in answer.text
    assert await voice.value("SELECT count(*) FROM sign_in_attempts") == 0


async def test_it_leads_to_the_page_that_was_asked_for(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    asked = f"/clinic/{voice.clinic.id}/calendar?day=2026-11-25&view=week"
    answer = await browser.get(asked)
    assert answer.headers["location"].startswith("/sign-in?next=")
    form = await browser.get(answer.headers["location"])
    assert f'value="{asked.replace("&", "&amp;")}"' in form.text
    answer = await browser.sign_in(following=asked)
    assert answer.headers["location"] == asked
    assert (await browser.get("/sign-in")).headers["location"] == "/"


async def test_a_hash_of_older_parameters_is_renewed(voice: Api, browser: Browser) -> None:
    old = argon2.PasswordHasher(time_cost=1, memory_cost=8_192, parallelism=1).hash(PASSWORD)
    staff_id = await make_account(voice)
    await voice.value("UPDATE staff_accounts SET password_hash = $1", old)
    assert (await browser.sign_in()).status_code == 303
    stored = await voice.value("SELECT password_hash FROM staff_accounts WHERE id = $1", staff_id)
    assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (await browser.sign_in()).status_code == 303


async def test_signing_in_again_ends_the_session_before(voice: Api, browser: Browser) -> None:
    """Nobody can be given a session beforehand."""
    await make_account(voice)
    await browser.sign_in()
    first = browser.token
    await browser.sign_in()
    assert browser.token != first
    assert await voice.value("SELECT count(*) FROM sessions") == 1

    planted = Browser(voice.http, token="chosen-by-somebody-else")
    await planted.sign_in()
    assert planted.token != "chosen-by-somebody-else"


async def test_signing_out_ends_the_session(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    await browser.sign_in()
    token = browser.token
    answer = await browser.post("/sign-out")
    assert answer.headers["location"] == "/sign-in"
    assert browser.token is None
    assert await voice.value("SELECT count(*) FROM sessions") == 0
    stolen = Browser(voice.http, token=token)
    assert (await stolen.get("/account")).status_code == 303
    assert (await Browser(voice.http).post("/sign-out")).status_code == 303  # nothing to end


async def test_a_choice_of_clinics_then_the_last_used(voice: Api, browser: Browser) -> None:
    other = await voice.open_clinic(name="Quay Clinic")
    await make_account(voice, clinics=(voice.clinic, other))
    await browser.sign_in()
    page = await browser.get("/")
    assert page.status_code == 200
    assert "Quay Clinic" in page.text
    assert "Harbor Dental" in page.text
    for clinic in (other, voice.clinic):
        await browser.get(f"/clinic/{clinic.id}/calendar")
        assert (await browser.get("/")).headers["location"] == f"/clinic/{clinic.id}/calendar"
        await voice.database.set_clock(NOW + timedelta(minutes=10))


async def test_who_works_nowhere_is_told(voice: Api, browser: Browser) -> None:
    await make_account(voice, clinics=())
    await browser.sign_in()
    page = await browser.get("/")
    assert "belong to a clinic" in page.text


# One-time links


async def test_a_link_signs_in_once(voice: Api, browser: Browser) -> None:
    token = await make_link(voice, await make_account(voice, password=None))
    for _ in range(3):  # mail filters follow links
        page = await browser.get(f"/sign-in/{token}")
        assert page.status_code == 200
        assert EMAIL in page.text
    answer = await browser.post(f"/sign-in/{token}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await browser.get("/account")).status_code == 200

    again = Browser(voice.http)
    for answer in (await again.get(f"/sign-in/{token}"), await again.post(f"/sign-in/{token}")):
        assert answer.status_code == 404
        assert "This link has been used" in answer.text
        assert EMAIL not in answer.text
    assert again.token is None


async def test_of_two_at_once_one_gets_in(voice: Api) -> None:
    token = await make_link(voice, await make_account(voice))
    browsers = [Browser(voice.http) for _ in range(8)]
    answers = await asyncio.gather(*(one.post(f"/sign-in/{token}") for one in browsers))
    assert sorted(answer.status_code for answer in answers) == [303] + [404] * 7
    assert await voice.value("SELECT count(*) FROM sessions") == 1


async def test_a_link_lasts_a_day(voice: Api, browser: Browser) -> None:
    staff_id = await make_account(voice)
    token = await make_link(voice, staff_id)
    await voice.database.set_clock(NOW + timedelta(hours=24, seconds=1))
    assert (await browser.get(f"/sign-in/{token}")).status_code == 404
    assert (await browser.post(f"/sign-in/{token}")).status_code == 404


async def test_a_password_may_be_chosen_with_it(voice: Api, browser: Browser) -> None:
    token = await make_link(voice, await make_account(voice, password=None))
    weak = await browser.post(f"/sign-in/{token}", {"new_password": "password1234"})
    assert weak.status_code == 422
    assert 'id="new_password-error"' in weak.text
    assert "password1234" not in weak.text
    answer = await browser.post(f"/sign-in/{token}", {"new_password": OTHER_PASSWORD})
    assert answer.status_code == 303
    assert (await Browser(voice.http).sign_in(password=OTHER_PASSWORD)).status_code == 303


async def test_a_password_chosen_with_it_ends_what_was_open(voice: Api, browser: Browser) -> None:
    staff_id = await make_account(voice)
    await browser.sign_in()
    token, unused = await make_link(voice, staff_id), await make_link(voice, staff_id)
    fresh = Browser(voice.http)
    await fresh.post(f"/sign-in/{token}", {"new_password": OTHER_PASSWORD})
    assert (await fresh.get("/account")).status_code == 200
    assert (await browser.get("/account")).status_code == 303
    assert (await Browser(voice.http).get(f"/sign-in/{unused}")).status_code == 404
    assert (await Browser(voice.http).sign_in()).status_code == 401


async def test_a_worker_sweeps_what_is_over(voice: Api, browser: Browser) -> None:
    await make_link(voice, await make_account(voice))
    await browser.sign_in()
    assert await sweep_sign_ins(voice.pool) == 0
    await voice.database.set_clock(NOW + timedelta(days=1, seconds=1))
    assert await sweep_sign_ins(voice.pool) == 3  # the link, the idle session, the network's count
    assert "sign-ins" in {chore.name for chore in chores_of_the_diary(voice.pool)}


# One's account


async def test_the_account_page(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    await browser.sign_in(User_Agent="Mozilla/5.0 (Windows NT 10.0) Gecko/20100101 Firefox/140.0")
    page = await browser.get("/account")
    assert page.status_code == 200
    for said in ("Firefox on Windows", "(here)", 'value="Ada"', 'autocomplete="new-password"'):
        assert said in page.text
    assert "everywhere else</button>" not in page.text  # there is nowhere else


async def test_a_name_is_changed(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    await browser.sign_in()
    answer = await browser.post("/account", {"action": "name", "name": " Dr  Ada <b> "})
    assert answer.headers["location"] == "/account?done=name"
    page = await browser.get(answer.headers["location"])
    assert "Dr Ada &lt;b&gt;" in page.text
    assert "Your name is saved." in page.text
    for name in ("", "x" * 121):
        refused = await browser.post("/account", {"action": "name", "name": name})
        assert refused.status_code == 422
        assert 'id="name-error"' in refused.text


async def test_a_password_is_changed_with_the_old_one(voice: Api, browser: Browser) -> None:
    staff_id = await make_account(voice)
    elsewhere = Browser(voice.http)
    await elsewhere.sign_in()
    await browser.sign_in()
    link = await make_link(voice, staff_id)
    fields = {"action": "password", "old_password": PASSWORD, "new_password": OTHER_PASSWORD}
    for wrong, field in (
        ({"old_password": OTHER_PASSWORD}, "old_password"),
        ({"old_password": ""}, "old_password"),
        ({"new_password": "short"}, "new_password"),
        ({"new_password": EMAIL}, "new_password"),
    ):
        refused = await browser.post("/account", fields | wrong)
        assert refused.status_code == 422
        assert f'id="{field}-error"' in refused.text
    assert (await elsewhere.get("/account")).status_code == 200

    answer = await browser.post("/account", fields)
    assert answer.headers["location"] == "/account?done=password"
    assert (await browser.get("/account")).status_code == 200
    assert (await elsewhere.get("/account")).status_code == 303
    assert (await Browser(voice.http).get(f"/sign-in/{link}")).status_code == 404
    assert (await Browser(voice.http).sign_in()).status_code == 401
    assert (await Browser(voice.http).sign_in(password=OTHER_PASSWORD)).status_code == 303


async def test_who_has_no_password_chooses_one(voice: Api, browser: Browser) -> None:
    token = await make_link(voice, await make_account(voice, password=None))
    await browser.post(f"/sign-in/{token}")
    assert 'name="old_password"' not in (await browser.get("/account")).text
    fields = {"action": "password", "new_password": OTHER_PASSWORD}
    assert (await browser.post("/account", fields)).status_code == 303
    assert (await Browser(voice.http).sign_in(password=OTHER_PASSWORD)).status_code == 303


async def test_old_passwords_can_not_be_guessed_there_either(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    await browser.sign_in()
    fields = {"action": "password", "old_password": "guess", "new_password": OTHER_PASSWORD}
    statuses = [(await browser.post("/account", fields)).status_code for _ in range(11)]
    assert statuses == [422] * 10 + [429]


async def test_a_session_is_ended_from_another(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    await browser.sign_in()
    others = [Browser(voice.http) for _ in range(3)]
    for one in others:
        await one.sign_in()
    session = await voice.value(
        "SELECT id FROM sessions WHERE token_hash = $1", token_hash(others[0].token or "")
    )
    answer = await browser.post("/account", {"action": "end_session", "session": str(session)})
    assert answer.headers["location"] == "/account?done=ended"
    assert [(await one.get("/account")).status_code for one in others] == [303, 200, 200]
    assert (await browser.post("/account", {"action": "end_others"})).status_code == 303
    assert [(await one.get("/account")).status_code for one in others] == [303, 303, 303]
    assert (await browser.get("/account")).status_code == 200


@pytest.mark.parametrize("session", ["", "nonsense", "'; --", "somebody's"])
async def test_nobody_ends_a_session_of_somebody_else(
    voice: Api, browser: Browser, session: str
) -> None:
    await make_account(voice)
    await browser.sign_in()
    await sign_in(voice, "staff")
    if session == "somebody's":
        session = str(await voice.value("SELECT id FROM sessions ORDER BY created_at DESC LIMIT 1"))
        session = str(
            await voice.value(
                "SELECT sessions.id FROM sessions JOIN staff_accounts ON staff_id = "
                "staff_accounts.id WHERE email <> $1",
                EMAIL,
            )
        )
    answer = await browser.post("/account", {"action": "end_session", "session": session})
    assert answer.status_code == 404
    assert await voice.value("SELECT count(*) FROM sessions") == 2


async def test_an_unknown_change_is_none(voice: Api, browser: Browser) -> None:
    await make_account(voice)
    await browser.sign_in()
    assert (await browser.post("/account", {"action": "delete"})).status_code == 422


# A second clinic


async def test_who_has_an_account_joins_with_their_password(voice: Api, browser: Browser) -> None:
    other = await voice.open_clinic(name="Quay Clinic")
    staff_id = await make_account(voice)
    token = new_token()
    added = await voice.database.call(
        await voice.database.owner(),
        "add_member",
        other.id,
        email=EMAIL,
        name="Not hers",
        role="staff",
        token_hash=token_hash(token),
    )
    assert added["link"] == "invitation"
    elsewhere = Browser(voice.http)
    await elsewhere.sign_in()
    await browser.sign_in()
    # Invited is not a member, and the invitation isn't a way in.
    assert (await browser.get(f"/clinic/{other.id}/calendar")).status_code == 404
    assert (await Browser(voice.http).post(f"/sign-in/{token}")).status_code == 404
    asked = await Browser(voice.http).get(f"/join/{token}")
    assert asked.headers["location"] == f"/sign-in?next=%2Fjoin%2F{token}"

    page = await browser.get(f"/join/{token}")
    assert "Quay Clinic adds you" in page.text
    wrong = await browser.post(f"/join/{token}", {"password": OTHER_PASSWORD})
    assert wrong.status_code == 422
    # Who made the account may know the password so far.
    for new in ("", PASSWORD):
        fields = {"password": PASSWORD, "new_password": new}
        assert (await browser.post(f"/join/{token}", fields)).status_code == 422
    fields = {"password": PASSWORD, "new_password": OTHER_PASSWORD}
    answer = await browser.post(f"/join/{token}", fields)
    assert answer.headers["location"] == f"/clinic/{other.id}/calendar"
    assert (await browser.get(answer.headers["location"])).status_code == 200
    assert (await elsewhere.get("/account")).status_code == 303, "who else was in is out"
    assert (await Browser(voice.http).sign_in()).status_code == 401
    assert (await browser.get(f"/join/{token}")).status_code == 404
    assert await voice.value("SELECT name FROM staff_accounts WHERE id = $1", staff_id) == "Ada"
    assert await voice.rows("SELECT org_id, action FROM audit_log") == [
        {"org_id": other.id, "action": "member_joined"}
    ]


async def test_an_invitation_is_for_its_account_alone(voice: Api) -> None:
    other = await voice.open_clinic(name="Quay Clinic")
    await make_account(voice)
    await make_account(voice, email="eve@clinic.example")
    token = new_token()
    await voice.value(
        "SELECT add_member($1, $2, '', 'staff', $3)", other.id, EMAIL, token_hash(token)
    )
    eve = Browser(voice.http)
    await eve.sign_in("eve@clinic.example")
    assert (await eve.get(f"/join/{token}")).status_code == 404
    assert (await eve.post(f"/join/{token}", {"password": PASSWORD})).status_code == 404


async def test_a_clinic_does_not_get_into_another_by_making_the_account_first(voice: Api) -> None:
    """An owner makes an account for somebody else's address, and is signed in to it; later the
    person's own clinic adds that address.
    """
    own = await voice.open_clinic(name="Quay Clinic")
    trap = new_token()
    await voice.value(
        "SELECT add_member($1, $2, '', 'staff', $3)", voice.clinic.id, EMAIL, token_hash(trap)
    )
    mallory = Browser(voice.http)
    await mallory.post(f"/sign-in/{trap}", {"new_password": PASSWORD})
    invitation = new_token()
    await voice.value(
        "SELECT add_member($1, $2, '', 'owner', $3)", own.id, EMAIL, token_hash(invitation)
    )
    assert (await mallory.get(f"/clinic/{own.id}/calendar")).status_code == 404
    assert str(own.id) not in (await mallory.get("/")).text
    assert (await mallory.get("/account")).status_code == 200


async def test_joining_without_a_password_takes_one(voice: Api, browser: Browser) -> None:
    other = await voice.open_clinic(name="Quay Clinic")
    staff_id = await make_account(voice, password=None)
    await browser.post(f"/sign-in/{await make_link(voice, staff_id)}")
    token = new_token()
    await voice.value(
        "SELECT add_member($1, $2, '', 'staff', $3)", other.id, EMAIL, token_hash(token)
    )
    assert (await browser.post(f"/join/{token}", {"password": "x"})).status_code == 422
    answer = await browser.post(f"/join/{token}", {"new_password": OTHER_PASSWORD})
    assert answer.status_code == 303
    assert (await Browser(voice.http).sign_in(password=OTHER_PASSWORD)).status_code == 303
    assert hashed(PASSWORD) != hashed(OTHER_PASSWORD)
