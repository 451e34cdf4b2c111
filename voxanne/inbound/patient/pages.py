"""Pages as they are sent: templates that escape, and headers that keep a page to its patient."""

from collections.abc import Mapping
from functools import cache
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from voxanne.inbound.patient import words
from voxanne.inbound.patient.shown import Shown

# The address holds the token: nobody else may learn, keep, index, frame or add to it.
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "referrer-policy": "no-referrer",
    "x-robots-tag": "noindex, nofollow",
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
}


@cache
def _templates() -> Environment:
    return Environment(
        loader=PackageLoader("voxanne.inbound.patient"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(
    template: str,
    shown: Shown,
    place: str,
    *,
    heading: str | None = None,
    message: str | None = None,
    status: int = 200,
    **values: object,
) -> HTMLResponse:
    """A page about an appointment. `place`: the root as seen from the address that was asked
    (`..`), so that it works below any path. A `message` with an error's status is a problem.
    """
    return _html(
        template,
        status,
        language=shown.language,
        clinic=shown.clinic,
        heading=heading or words.heading(shown),
        message=message,
        refused=status >= 400,
        root=place,
        words=words.labels(shown.language),
        shown=shown,
        lasting=words.lasting(shown),
        **values,
    )


def render_message(language: str, heading: str, text: str, place: str, status: int) -> HTMLResponse:
    """A page about nothing in particular: it gives no hint of any appointment."""
    return _html(
        "message.html",
        status,
        language=language,
        clinic=None,
        heading=heading,
        message=None,
        root=place,
        text=text,
    )


def redirect(address: str) -> Response:
    """To the page itself, so that a reload repeats nothing."""
    return Response(status_code=303, headers={**HEADERS, "location": address})


def _html(template: str, status: int, **values: object) -> HTMLResponse:
    text = _templates().get_template(template).render(**values)
    return HTMLResponse(text, status, headers=dict(HEADERS))
