"""A URL that a clinic gives leads nowhere inside, however it is written. tests/unit/test_addresses
has the guard's rules; here is what attackers write.
"""

import asyncio
import socket

import pytest

from tests.unit.test_addresses import PUBLIC, Dialled, Names, client_of
from voxanne.deliveries.addresses import AddressError, open_guarded_client, resolve_host
from voxanne.deliveries.http import UnreachableError, exchange
from voxanne.outbox.destinations import reach_of, wrong_with_url

METADATA = "169.254.169.254"
# One address, as libraries and resolvers read it.
SPELLINGS = {
    "2130706433": "127.0.0.1",  # decimal
    "0x7f000001": "127.0.0.1",
    "0x7f.1": "127.0.0.1",
    "0177.0.0.1": "127.0.0.1",  # octal
    "017700000001": "127.0.0.1",
    "127.1": "127.0.0.1",
    "127.0.1": "127.0.0.1",
    "0": "0.0.0.0",
    "2852039166": METADATA,
    "0xa9fea9fe": METADATA,
    "0251.0376.0251.0376": METADATA,
    "169.254.43518": METADATA,
    "167772161": "10.0.0.1",
}


@pytest.mark.parametrize("spelling", SPELLINGS)
async def test_an_address_in_other_digits_leads_nowhere(spelling: str) -> None:
    """The system's resolver reads these as addresses: what it makes of them is checked. Those with
    three dots the client takes for no URL at all.
    """
    assert await resolve_host(spelling, 443) == [SPELLINGS[spelling]]
    async with open_guarded_client(private_addresses=False) as client:
        with pytest.raises(UnreachableError) as caught:
            await exchange(client, "POST", f"https://{spelling}/")
    assert caught.value.error_code == (
        "invalid_url" if spelling.count(".") == 3 else "forbidden_address"
    )
    assert caught.value.certain


@pytest.mark.parametrize(
    "host",
    [
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[0:0:0:0:0:ffff:7f00:1]",
        "[::1]",
        "[::]",
        "[fe80::1]",
        "[64:ff9b::a9fe:a9fe]",
        "[2002:a9fe:a9fe::]",
        "[fd00:ec2::254]",
        "[::127.0.0.1]",
        "169.254.169.254",
        "169.254.170.2",
        "localhost",
        "LOCALHOST.",
        "127.0.0.1.",
        "①②⑦.⓪.⓪.①",
        "127。0。0。1",
    ],
)
async def test_an_address_in_other_clothes_leads_nowhere(host: str) -> None:
    async with open_guarded_client(private_addresses=False) as client:
        with pytest.raises(UnreachableError) as caught:
            await exchange(client, "POST", f"https://{host}/")
    assert caught.value.certain, "something may have been sent"


@pytest.mark.parametrize("second", ["127.0.0.1", METADATA, "10.0.0.7", "::1", "::ffff:10.0.0.7"])
async def test_a_name_that_resolves_anew_gains_nothing(second: str) -> None:
    """DNS rebinding: one answer for the check, another for the connection. There is one alone."""
    names, dialled = Names([PUBLIC], [second]), Dialled()
    async with client_of(names, dialled) as client:
        assert (await exchange(client, "POST", "https://hooks.clinic.example/")).status == 204
        assert dialled.addresses == [PUBLIC]
        assert names.asked == ["hooks.clinic.example"]
        # The next connection asks once more, and finds the other.
        with pytest.raises(AddressError):
            await exchange(client, "POST", "https://hooks.clinic.example:8443/")
    assert dialled.addresses == [PUBLIC]


@pytest.mark.parametrize("bad", ["127.0.0.1", METADATA, "::1"])
async def test_a_bad_address_among_good_ones_spoils_them(bad: str) -> None:
    for addresses in ([PUBLIC, bad], [bad, PUBLIC]):
        dialled = Dialled()
        async with client_of(Names(addresses), dialled) as client:
            with pytest.raises(AddressError):
                await exchange(client, "POST", "https://hooks.clinic.example/")
        assert dialled.addresses == []


@pytest.mark.parametrize("address", [METADATA, "100.100.100.200", "168.63.129.16", "192.0.0.192"])
async def test_a_clouds_metadata_is_out_of_reach_even_where_private_addresses_are_allowed(
    address: str,
) -> None:
    assert reach_of(address) == "forbidden"
    assert wrong_with_url(f"http://{address}/latest/meta-data", private_addresses=True)
    dialled = Dialled()
    async with client_of(Names([address]), dialled, private_addresses=True) as client:
        with pytest.raises(AddressError):
            await exchange(client, "GET", "http://metadata.example/")
    assert dialled.addresses == []


async def test_nothing_is_dialled_on_this_machine() -> None:
    """With real sockets and the real resolver: a listener that nobody may reach."""
    called = asyncio.Event()

    async def hear(_reader: object, writer: asyncio.StreamWriter) -> None:
        called.set()
        writer.close()

    server = await asyncio.start_server(hear, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, open_guarded_client(private_addresses=False) as client:
        for host in ("127.0.0.1", "localhost", "2130706433", "127.1", "[::ffff:127.0.0.1]"):
            with pytest.raises(AddressError):
                await exchange(client, "POST", f"https://{host}:{port}/")
    assert not called.is_set()


def test_the_resolver_is_as_lenient_as_this_test_believes() -> None:
    """Or the spellings above would prove nothing."""
    assert socket.inet_aton("2130706433") == socket.inet_aton("127.0.0.1")
