"""Staff are told what can't wait: by apprise, in plain words, without a patient in them."""

import importlib.util
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from cryptography.fernet import Fernet, MultiFernet

from tests.database import Database
from tests.integration.clinics import NOW, Api, Json, running_api
from tests.integration.receivers import Receiver
from tests.integration.v1_requests import Client, client, refusal
from voxanne.deliveries.alerts import AlertSender, text_of
from voxanne.outbox.alert_urls import masked, open_urls, seal_urls, wrong_with_alert_url
from voxanne.outbox.alert_words import WORDS
from voxanne.outbox.types import Delivered, Failed, Retry
from voxanne.outbox.worker import Worker

# Of apprise's, on a Python that still has the module.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@dataclass
class Alarmed:
    """A clinic whose staff are told at a receiver, by a worker that works when it is told to."""

    api: Api
    admin: Client
    receiver: Receiver
    sender: AlertSender

    @property
    def url(self) -> str:
        return f"json://127.0.0.1:{self.receiver.port}/alerts"

    @property
    def told(self) -> list[Json]:
        return [received.json for received in self.receiver.received]

    async def work(self) -> int:
        return await Worker(self.api.pool, {"alert": self.sender}).drain()

    async def tell_at(self, *urls: str) -> None:
        await self.admin.send("PUT", "alert-urls", {"urls": list(urls)})

    async def raise_alert(self, kind: str, call: str = "call-7731") -> None:
        await self.api.value("SELECT raise_alert($1, $2, $3)", self.api.clinic.id, kind, call)

    async def deliveries(self) -> list[Json]:
        return await self.api.rows("SELECT * FROM deliveries WHERE kind = 'alert' ORDER BY due_at")


@pytest.fixture
async def clinic(database: Database) -> AsyncIterator[Alarmed]:
    async with (
        running_api(database, webhook_private_addresses=True) as api,
        Receiver() as receiver,
    ):
        sender = AlertSender(api.fernet, "https://voice.example.com", private_addresses=True)
        yield Alarmed(api, await client(api), receiver, sender)


async def test_an_emergency_reaches_staff(clinic: Alarmed) -> None:
    await clinic.tell_at(clinic.url)
    await clinic.raise_alert("emergency")
    assert await clinic.work() == 1
    (told,) = clinic.told
    assert told["title"] == "Voxanne: Harbor Dental"
    assert told["message"].splitlines() == [
        "A caller described an emergency.",
        "Call: call-7731",
        "https://voice.example.com",
    ]
    (delivery,) = await clinic.deliveries()
    assert (delivery["status"], delivery["external_id"]) == ("delivered", "1 of 1")
    assert await clinic.work() == 0


async def test_no_patient_is_in_what_staff_are_told(clinic: Alarmed) -> None:
    await clinic.tell_at(clinic.url)
    owner = await clinic.api.database.owner()
    said = {
        "body": "My tooth bleeds",
        "urgency": "emergency",
        "call_id": "c",
        "name": "Maya Okafor",
    }
    left = await clinic.api.database.call(owner, "take_message", clinic.api.clinic.id, **said)
    assert left["success"] is True
    await clinic.work()
    (told,) = clinic.told
    assert "A caller left an emergency message." in told["message"]
    assert left["message_id"] in told["message"]
    assert not {"Maya", "Okafor", "tooth"} & set(str(told).split())


async def test_a_clinic_that_names_no_address_is_told_nothing(clinic: Alarmed) -> None:
    await clinic.raise_alert("emergency")
    await clinic.work()
    (delivery,) = await clinic.deliveries()
    assert (delivery["status"], delivery["error_code"]) == ("voided", "alerts_off")


async def test_alerts_that_wait_are_told_of_together(clinic: Alarmed) -> None:
    await clinic.tell_at(clinic.url)
    for number in range(5):
        await clinic.raise_alert("promise_mismatch", f"call-{number}")
    await clinic.work()
    (told,) = clinic.told
    assert "4 more like it." in told["message"]
    statuses = sorted(row["status"] for row in await clinic.deliveries())
    assert statuses == ["delivered"] + ["voided"] * 4


async def test_an_outage_is_a_few_messages_and_then_one_with_the_count(clinic: Alarmed) -> None:
    await clinic.tell_at(clinic.url)
    for number in range(20):
        await clinic.raise_alert("promise_mismatch", f"call-{number}")
        await clinic.work()
    assert len(clinic.told) == 6
    await clinic.api.database.set_clock(NOW + timedelta(hours=1, minutes=10))
    await clinic.work()
    assert len(clinic.told) == 7
    assert "13 more like it." in clinic.told[-1]["message"]
    await clinic.work()
    assert {row["status"] for row in await clinic.deliveries()} == {"delivered", "voided"}


async def test_one_address_that_answers_is_enough(clinic: Alarmed) -> None:
    await clinic.tell_at("json://127.0.0.1:1/nobody", clinic.url)
    await clinic.raise_alert("emergency")
    await clinic.work()
    assert len(clinic.told) == 1
    (delivery,) = await clinic.deliveries()
    assert (delivery["status"], delivery["external_id"]) == ("delivered", "1 of 2")


async def test_when_none_answers_it_is_tried_again(clinic: Alarmed) -> None:
    await clinic.tell_at(clinic.url)
    clinic.receiver.answer(500)
    await clinic.raise_alert("emergency")
    await clinic.work()
    (waiting,) = await clinic.deliveries()
    assert (waiting["status"], waiting["error_code"]) == ("queued", "not_told")
    await clinic.api.database.set_clock(NOW + timedelta(minutes=5))
    await clinic.work()
    (delivered,) = await clinic.deliveries()
    assert delivered["status"] == "delivered"


async def test_staff_are_told_by_mail(clinic: Alarmed) -> None:
    mails: list[Any] = []

    class Handler:
        async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
            mails.append(envelope)
            return "250 Message accepted for delivery"

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(Handler(), hostname="127.0.0.1", port=port)
    controller.start()
    try:
        url = f"mailto://127.0.0.1:{port}?from=voxanne@clinic.example&to=desk@clinic.example"
        assert await clinic.sender.tell([url], "Voxanne", "A caller described an emergency.") == (
            Delivered("1 of 1")
        )
    finally:
        controller.stop()
    (mail,) = mails
    assert mail.rcpt_tos == ["desk@clinic.example"]
    assert b"A caller described an emergency." in mail.content


async def test_a_mail_server_in_a_private_network_is_not_spoken_to(clinic: Alarmed) -> None:
    async def resolve(_host: str, _port: int) -> list[str]:
        return ["10.0.0.25"]

    sender = replace(clinic.sender, private_addresses=False, resolve=resolve)
    url = "mailto://user:pw@clinic.example?smtp=mail.clinic.example&to=desk@clinic.example"
    result = await sender.tell([url], "Voxanne", "text")
    assert result == Failed("unfit_url", "The mail server is in a private network.")


async def test_addresses_that_apprise_does_not_understand(clinic: Alarmed) -> None:
    result = await clinic.sender.tell(["slack://"], "Voxanne", "text")
    assert isinstance(result, Failed)
    result = await clinic.sender.tell(["nonsense://x"], "Voxanne", "text")
    assert result == Failed("unfit_url", "Apprise doesn't understand one of the addresses.")
    both = ["nonsense://x", "json://127.0.0.1:1"]
    assert isinstance(await clinic.sender.tell(both, "Voxanne", "text"), Retry)


async def test_without_the_extra_staff_read_how_to_get_it(
    clinic: Alarmed, monkeypatch: pytest.MonkeyPatch
) -> None:
    await clinic.tell_at(clinic.url)
    await clinic.raise_alert("emergency")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    await clinic.work()
    (delivery,) = await clinic.deliveries()
    assert (delivery["status"], delivery["error_code"]) == ("failed", "not_installed")
    assert delivery["error"] == "Alerts need: pip install 'voxanne[alerts]'"


async def test_a_lost_key_is_a_visible_failure(clinic: Alarmed) -> None:
    await clinic.tell_at(clinic.url)
    await clinic.raise_alert("emergency")
    clinic.sender = replace(clinic.sender, fernet=MultiFernet([Fernet(Fernet.generate_key())]))
    await clinic.work()
    (delivery,) = await clinic.deliveries()
    assert (delivery["status"], delivery["error_code"]) == ("failed", "urls_unreadable")


async def test_the_addresses_are_stored_encrypted_and_never_shown(clinic: Alarmed) -> None:
    answer = await clinic.admin.send("PUT", "alert-urls", {"urls": [clinic.url]})
    assert answer.json() == {"count": 1}
    sealed = await clinic.api.value("SELECT alert_urls FROM organizations")
    assert clinic.url.encode() not in sealed
    assert open_urls(clinic.api.fernet, sealed) == [clinic.url]
    assert (await clinic.admin.send("PUT", "alert-urls", {"urls": []})).json() == {"count": 0}
    assert await clinic.api.value("SELECT alert_urls FROM organizations") is None


async def test_only_admins_say_where(clinic: Alarmed) -> None:
    staff = await client(clinic.api, "staff")
    assert await staff.refused("PUT", "alert-urls", {"urls": []}) == (403, "UNAUTHORIZED")


async def test_a_server_of_ones_own_needs_the_operators_leave(database: Database) -> None:
    async with running_api(database) as api:
        admin = await client(api)
        urls = ["slack://TokenA/TokenB/TokenC", "json://127.0.0.1:8000/"]
        problem = refusal(await admin.send("PUT", "alert-urls", {"urls": urls}))
        assert (problem["status"], problem["where"]) == (422, "urls[1]")
        assert "127.0.0.1" not in problem["detail"]
        assert (await admin.send("PUT", "alert-urls", {"urls": urls[:1]})).status_code == 200


@pytest.mark.parametrize(
    "url", ["syslog://", "dbus://x", "file:///etc/passwd", "windows://x", "x", "", "://", "a b://c"]
)
def test_urls_that_never_do(url: str) -> None:
    for private in (True, False):
        assert wrong_with_alert_url(url, private_addresses=private) is not None


SLACK = "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#desk"


@pytest.mark.parametrize(
    "query",
    [
        "?template=/etc/passwd",
        "?to=desk&template=/etc/passwd",
        "?to=desk;template=/etc/passwd",
        "?to=desk?template=/etc/passwd",
        "?%74emplate=/etc/passwd",
        "?TEMPLATE=http://10.0.0.7/",
        "?verify=no",
        "?redirect=yes",
        "?+X-Header=1",
        "?pgp=yes&pgppub=/etc/passwd",
    ],
)
def test_what_would_read_the_servers_own_files(query: str) -> None:
    for private in (True, False):
        assert wrong_with_alert_url(SLACK, private_addresses=private) is None
        assert wrong_with_alert_url(SLACK + query, private_addresses=private) is not None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("mailtos://user:pw@mail.example?to=desk@clinic.example", "mailtos://…@mail.example"),
        ("slack://TokenA/TokenB/TokenC/#desk", "slack://…"),
        ("tgram://123456:ABC/987", "tgram://…"),
    ],
)
def test_what_is_secret_is_masked(url: str, shown: str) -> None:
    assert masked(url) == shown


def test_an_alert_in_plain_words() -> None:
    details = {"kind": "calendar_broken", "others": 1, "appointment_id": None, "call_id": None}
    text = text_of({**details, "message_id": None}, None)
    assert text == f"{WORDS['calendar_broken']}\nThere is one more like it."
    assert text_of({**details, "message_id": None, "kind": "new", "others": 0}, None) == (
        "Something needs a look."
    )


def test_none_is_sealed_as_nothing() -> None:
    fernet = MultiFernet([Fernet(Fernet.generate_key())])
    assert seal_urls(fernet, []) is None
    assert open_urls(fernet, None) == []
