"""Requests to URLs that clinics give go into the public internet and nowhere else."""

import asyncio
import datetime
import ssl
from collections.abc import Iterable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpcore2
import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from voxanne.deliveries.addresses import (
    AddressError,
    GuardedBackend,
    GuardedTransport,
    open_guarded_client,
    resolve_host,
)
from voxanne.deliveries.http import UnreachableError, exchange
from voxanne.outbox.destinations import is_web_port, reach_of, wrong_with_url

HOST = "hooks.clinic.example"
PUBLIC = "93.184.216.34"


class Dialled(httpcore2.AsyncNetworkBackend):
    """Notes where it was asked to connect, and doesn't; those `away` don't answer."""

    def __init__(self, *away: str) -> None:
        self.addresses: list[str] = []
        self.away = away

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        self.addresses.append(host)
        if host in self.away:
            raise httpcore2.ConnectError
        return httpcore2.AsyncMockStream([b"HTTP/1.1 204 No Content\r\n\r\n"])


class Names:
    """A resolver that answers each time with the next list, and says how often it was asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(self, host: str, _port: int) -> list[str]:
        self.asked.append(host)
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def client_of(
    names: Names, dialled: Dialled, *, private_addresses: bool = False
) -> httpx2.AsyncClient:
    backend = GuardedBackend(names.resolve, private_addresses=private_addresses, connect=dialled)
    return httpx2.AsyncClient(transport=GuardedTransport(backend), trust_env=False)


async def refused(url: str, *addresses: str, private_addresses: bool = False) -> str:
    """The error of a request to the URL, whose host has these addresses; nothing was dialled."""
    dialled = Dialled()
    names = Names(list(addresses))
    async with client_of(names, dialled, private_addresses=private_addresses) as client:
        with pytest.raises(AddressError) as caught:
            await exchange(client, "POST", url)
    assert dialled.addresses == []
    assert caught.value.certain
    return caught.value.error


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "1.1.1.1",
        "172.32.0.1",
        "100.128.0.1",
        "2606:4700::1111",
        "::ffff:1.1.1.1",
        "64:ff9b::101:101",
        "2002:101:101::1",
    ],
)
def test_a_public_address_is_public(address: str) -> None:
    assert reach_of(address) == "public"


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.255.255.254",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",  # a carrier's own
        "::1",
        "fc00::1",
        "fd12:3456::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",  # 10.0.0.1 by NAT64
        "64:ff9b:1::a00:1",
        "2002:a00:1::",  # 10.0.0.1 by 6to4
        "2002:7f00:1::1",
    ],
)
def test_an_address_of_the_own_network_is_private(address: str) -> None:
    assert reach_of(address) == "private"


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "0.1.2.3",
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "100.100.100.200",
        "192.0.0.192",
        "192.0.2.1",
        "198.18.0.1",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.250",
        "240.0.0.1",
        "255.255.255.255",
        "192.88.99.1",
        "::",
        "::10.0.0.1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
        "2001::1",
        "2001:db8::1",
        "3fff::1",
        "5f00::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
async def test_some_addresses_are_never_gone_to(address: str) -> None:
    assert reach_of(address) == "forbidden"
    await refused(f"https://{HOST}/", address, private_addresses=True)


def test_what_python_calls_private_is_never_public() -> None:
    """A list of somebody else's, against a slip in ours: the first address of every /16."""
    for number in range(0, 2**32, 2**16):
        address = ip_address(number)
        assert address.is_global or reach_of(str(address)) != "public", address


@pytest.mark.parametrize("port", [80, 443, 1024, 8443, 65_535])
def test_ports_that_may_be_the_web(port: int) -> None:
    assert is_web_port(port)


@pytest.mark.parametrize("port", [0, 22, 25, 53, 110, 389, 445, 465, 587, 1023, 65_536])
async def test_ports_that_trust_who_reaches_them(port: int) -> None:
    assert not is_web_port(port)
    if 0 < port <= 65_535:  # httpx takes 0 for the default
        assert "port" in await refused(f"https://{HOST}:{port}/", PUBLIC, private_addresses=True)


async def test_one_private_address_among_public_ones_spoils_them() -> None:
    assert "private" in await refused(f"https://{HOST}/", PUBLIC, "10.0.0.7")


async def test_the_connection_is_made_to_the_address_that_was_checked() -> None:
    """Rebinding: the name answers with a public address first, with a private one ever after."""
    names, dialled = Names([PUBLIC], ["127.0.0.1"]), Dialled()
    async with client_of(names, dialled) as client:
        assert (await exchange(client, "POST", f"https://{HOST}/")).status == 204
        with pytest.raises(AddressError):
            await exchange(client, "POST", f"https://other.{HOST}/")
    assert dialled.addresses == [PUBLIC]
    assert names.asked == [HOST, f"other.{HOST}"]


async def test_the_next_address_is_tried_when_one_is_away() -> None:
    names, dialled = Names(["1.1.1.1", "1.0.0.1"]), Dialled("1.1.1.1")
    async with client_of(names, dialled) as client:
        assert (await exchange(client, "POST", f"https://{HOST}/")).status == 204
    assert dialled.addresses == ["1.1.1.1", "1.0.0.1"]


async def test_a_host_that_nobody_knows() -> None:
    async with client_of(Names([]), Dialled()) as client:
        with pytest.raises(UnreachableError) as caught:
            await exchange(client, "POST", f"https://{HOST}/")
    assert caught.value.error_code == "unknown_host"
    assert caught.value.certain


async def test_a_private_address_where_the_operator_allows_it() -> None:
    dialled = Dialled()
    async with client_of(Names(["10.0.0.7"]), dialled, private_addresses=True) as client:
        assert (await exchange(client, "POST", "http://intranet/")).status == 204
    assert dialled.addresses == ["10.0.0.7"]


@pytest.mark.parametrize(
    "url",
    [
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://127.1/",
        "https://127.0.0.1./",
        "https://localhost/",
        "https://localhost./",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:7f00:1]/",
        "https://[0:0:0:0:0:0:0:1]/",
        "https://0/",
        "https://ⓛocalhost/",  # becomes localhost
    ],
)
async def test_every_way_to_write_this_machine(url: str) -> None:
    """By the system's own resolver, which reads numbers as C does."""
    async with open_guarded_client(private_addresses=False) as client:
        with pytest.raises(UnreachableError) as caught:
            await exchange(client, "POST", url)
    assert caught.value.error_code in ("forbidden_address", "unknown_host", "invalid_url")


async def test_the_systems_resolver_gives_each_address_once() -> None:
    found = await resolve_host("localhost", 443)
    assert set(found) <= {"127.0.0.1", "::1"}
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    "url",
    [
        f"http://{HOST}/",
        f"https://user:password@{HOST}/",
        f"https://user@{HOST}/",
        f"https://{HOST}@10.0.0.7/",
        f"ftp://{HOST}/",
        f"https://{HOST}:25/",
        f"https://{HOST}:99999/",
        f"https://{HOST}/#there",
        f"https://{HOST}\\@10.0.0.7/",
        "https://",
        "https:///path",
        "//no.scheme/",
        "https://[::1/",
        "https://10.0.0.7/",
        "https://[fd00::1]/",
        "https://169.254.169.254/latest/meta-data",
        f"https://{HOST}/a b",
        f"https://{HOST}/\n",
        f"https://{HOST}/\x00",
        "",
        f"https://{HOST}/{'a' * 2000}",
    ],
)
def test_a_url_that_will_not_do(url: str) -> None:
    sentence = wrong_with_url(url, private_addresses=False)
    assert sentence is not None
    assert HOST not in sentence


@pytest.mark.parametrize(
    "url",
    [
        f"https://{HOST}",
        f"https://{HOST}./hook?clinic=1",
        f"https://{HOST}:8443/hook",
        "https://praxis-müller.example/hook",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]/",
    ],
)
def test_a_url_that_will_do(url: str) -> None:
    assert wrong_with_url(url, private_addresses=False) is None


def test_what_else_the_operator_may_allow() -> None:
    for url in ("http://localhost:5232/", "https://10.0.0.7/", "http://[fd00::1]:8080/"):
        assert wrong_with_url(url, private_addresses=True) is None
    for url in ("https://169.254.169.254/", "https://a:b@10.0.0.7/", "http://10.0.0.7:22/"):
        assert wrong_with_url(url, private_addresses=True) is not None


async def test_the_transport_refuses_what_a_url_hides() -> None:
    """Whatever was stored, and however another parser read it."""
    assert "https" in await refused(f"http://{HOST}/", PUBLIC)
    assert "password" in await refused(f"https://user:secret@{HOST}/", PUBLIC)


def _certificate(directory: Path, name: str) -> Path:
    """A certificate for `name` that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = directory / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + private)
    return path


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    await writer.drain()
    writer.close()


@pytest.mark.parametrize("name", [HOST, "another.example"])
async def test_tls_verifies_the_name_though_the_address_is_dialled(
    tmp_path: Path, name: str
) -> None:
    certificate = _certificate(tmp_path, name)
    served = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    served.load_cert_chain(certificate)
    trusting = ssl.create_default_context(cafile=str(certificate))
    server = await asyncio.start_server(_answer, "127.0.0.1", 0, ssl=served)
    port = server.sockets[0].getsockname()[1]
    async with server:
        names = Names(["127.0.0.1"])
        client = open_guarded_client(
            private_addresses=True, resolve=names.resolve, ssl_context=trusting
        )
        async with client:
            if name == HOST:
                assert (await exchange(client, "GET", f"https://{HOST}:{port}/")).status == 204
            else:
                with pytest.raises(UnreachableError, match="could not be reached"):
                    await exchange(client, "GET", f"https://{HOST}:{port}/")


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    class Elsewhere(Dialled):
        async def connect_tcp(self, *arguments: Any, **named: Any) -> httpcore2.AsyncNetworkStream:
            await super().connect_tcp(*arguments, **named)
            moved = (
                b"HTTP/1.1 302 Found\r\nLocation: https://10.0.0.7/\r\nContent-Length: 0\r\n\r\n"
            )
            return httpcore2.AsyncMockStream([moved])

    names, dialled = Names([PUBLIC]), Elsewhere()
    backend = GuardedBackend(names.resolve, private_addresses=False, connect=dialled)
    async with httpx2.AsyncClient(transport=GuardedTransport(backend)) as client:
        assert (await exchange(client, "POST", f"https://{HOST}/")).status == 302
    assert dialled.addresses == [PUBLIC]
