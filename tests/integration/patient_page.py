"""A patient with a link: opens pages, follows links, sends forms. No test in here."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Self
from urllib.parse import urlencode
from uuid import UUID
from xml.etree.ElementTree import Element

import html5lib
import httpx2

from tests.integration.clinics import Api, Clinic, Json
from tests.printed import plant

SAME_SITE = {"sec-fetch-site": "same-origin"}
HIDDEN_BY_HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}


def words(element: Element) -> str:
    """What is read of an element."""
    return " ".join("".join(element.itertext()).split())


@dataclass(frozen=True)
class Page:
    """What a patient has before them: valid, accessible and private, or it isn't made."""

    http: httpx2.AsyncClient
    address: str
    status: int
    root: Element

    @classmethod
    def read(cls, http: httpx2.AsyncClient, address: str, reply: httpx2.Response) -> Self:
        assert reply.headers["content-type"] == "text/html; charset=utf-8", reply.text
        for name, value in HIDDEN_BY_HEADERS.items():
            assert reply.headers[name] == value, name
        parser = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False)
        page = cls(http, address, reply.status_code, parser.parse(reply.content, "utf-8"))
        page.check()
        return page

    # What is on it

    def all(self, name: str) -> list[Element]:
        return list(self.root.iter(name))

    def only(self, name: str) -> Element:
        [element] = self.all(name)
        return element

    @property
    def text(self) -> str:
        return words(self.only("main"))

    @property
    def heading(self) -> str:
        return words(self.only("h1"))

    @property
    def message(self) -> str | None:
        """What was done, or why it wasn't."""
        said = [e for e in self.root.iter() if e.get("role") in ("alert", "status")]
        assert len(said) <= 1
        return words(said[0]) if said else None

    @property
    def facts(self) -> dict[str, str]:
        names = [words(name) for name in self.all("dt")]
        return dict(zip(names, map(words, self.all("dd")), strict=True))

    def texts(self, name: str) -> list[str]:
        return [words(element) for element in self.all(name)]

    @property
    def buttons(self) -> list[str]:
        return self.texts("button")

    @property
    def choices(self) -> dict[str, str]:
        """What radio buttons say → their value, of times."""
        labels = {label.get("for"): words(label) for label in self.all("label")}
        return {
            labels[field.get("id")]: field.get("value", "")
            for field in self.all("input")
            if field.get("name") == "time" and field.get("type") == "radio"
        }

    # What is done with it

    async def open(self, path: str) -> "Page":
        address = str(httpx2.URL(self.address).join(path))
        return Page.read(self.http, address, await self.http.get(address))

    async def follow(self, link: str) -> "Page":
        [address] = [a.get("href", "") for a in self.all("a") if words(a) == link]
        return await self.open(address)

    async def press(
        self, button: str, *, headers: Mapping[str, str] = SAME_SITE, **said: str
    ) -> "Page":
        """Send the form with that button, and go where it leads. `said`: what is filled in; `with_`
        stands for `with`."""
        action, method, fields = self._form(button)
        fields |= {name.rstrip("_"): value for name, value in said.items()}
        if method == "get":
            return await self.open(f"{action}?{urlencode(fields)}")
        address = str(httpx2.URL(self.address).join(action))
        reply = await self.http.post(address, data=fields, headers=headers)
        if reply.status_code != 303:
            return Page.read(self.http, address, reply)
        for name, value in HIDDEN_BY_HEADERS.items():
            assert reply.headers[name] == value, name
        led = str(httpx2.URL(address).join(reply.headers["location"]))
        return Page.read(self.http, led, await self.http.get(led))

    def _form(self, button: str) -> tuple[str, str, dict[str, str]]:
        [form] = [
            form
            for form in self.all("form")
            if button in [words(pressed) for pressed in form.iter("button")]
        ]
        fields = {}
        for field in (*form.iter("input"), *form.iter("button")):
            name = field.get("name")
            chosen = field.get("type") != "radio" or field.get("checked") is not None
            if name and chosen:
                fields[name] = field.get("value", "")
        return form.get("action", ""), form.get("method", "get"), fields

    # What every page must be

    def check(self) -> None:
        """WCAG 2.2, as far as a document tells: names, order, language; and the policy's rules."""
        html = self.only("html")
        assert html.get("lang") in ("en", "es", "de")
        assert words(self.only("title"))
        assert len(self.all("main")) == len(self.all("h1")) == 1
        levels = [int(e.tag[1]) for e in self.root.iter() if e.tag in ("h1", "h2", "h3", "h4")]
        assert levels[0] == 1
        assert all(after - before <= 1 for before, after in pairwise(levels))
        ids = [e.get("id") for e in self.root.iter() if e.get("id")]
        assert len(ids) == len(set(ids))
        self._check_names(set(ids))
        for element in self.root.iter():
            assert element.tag not in ("script", "style", "img", "iframe", "object", "base")
            for name in element.attrib:
                assert name != "style"
                assert not name.startswith("on")

    def _check_names(self, ids: set[str | None]) -> None:
        labelled = {label.get("for") for label in self.all("label")}
        assert labelled <= ids
        for field in self.all("input"):
            assert field.get("type") == "hidden" or field.get("id") in labelled
        grouped = {id(e) for group in self.all("fieldset") for e in group.iter("input")}
        for field in self.all("input"):
            assert field.get("type") != "radio" or id(field) in grouped
        for group in self.all("fieldset"):
            assert words(group[0])
            assert group[0].tag == "legend"
        for element in (*self.all("a"), *self.all("button"), *self.all("label"), *self.all("dt")):
            assert words(element)
        for element in self.root.iter():
            if by := element.get("aria-labelledby"):
                assert by in ids


async def link_to(api: Api, appointment: str, clinic: Clinic | None = None) -> str:
    """The path of an appointment's page, as a message would have it."""
    owner = clinic or api.clinic
    token = await api.value("SELECT appointment_link($1, $2)", owner.id, UUID(appointment))
    plant("a patient's link", token)
    return f"/a/{token}"


async def open_page(api: Api, path: str, **headers: str) -> Page:
    reply = await api.http.get(path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    return Page.read(api.http, str(reply.request.url), reply)


async def stored(api: Api, booked: Json) -> Json:
    """The appointment's row."""
    [found] = await api.rows("SELECT * FROM appointments WHERE id = $1", UUID(booked["id"]))
    return found
