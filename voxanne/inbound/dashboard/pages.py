"""Pages as they are sent: templates that escape, and headers that leave a script no way in."""

import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from voxanne.inbound.dashboard.moments import call_path, duration_text, phone_text

# Nothing from elsewhere, nothing inline but what carries this page's nonce, no frame around it.
_POLICY: Final = (
    "default-src 'none'; script-src 'self' 'nonce-{nonce}'; style-src 'self' 'nonce-{nonce}'; "
    "img-src 'self'; connect-src 'self'; form-action 'self' {form_action}; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",  # but a page's own
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}
_TITLES: Final = frozenset({"dr", "prof", "mr", "mrs", "ms", "frau", "herr", "dra"})
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def initials(name: str) -> str:
    """`Dr Amara Chen` → `AC`: of the last two words that aren't a title."""
    words = [word for word in name.split() if word.rstrip(".").lower() not in _TITLES]
    return "".join(
        word[0].upper() for word in (words[:1] + words[-1:] if len(words) > 1 else words)
    )


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("voxanne.inbound.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"phone": phone_text, "duration": duration_text, "initials": initials}
    made.filters["call_path"] = call_path
    made.globals |= {"asset": asset, "icon": icon}
    return made


def render(
    template: str, nonce: str, status: int = 200, *, form_action: str = "", **values: Any
) -> HTMLResponse:
    """`nonce`: the page's own, for its <style> and <script>; `form_action`: where else its forms
    may lead, such as a vendor's consent page.
    """
    text = _templates().get_template(template).render(nonce=nonce, **values)
    policy = _POLICY.format(nonce=nonce, form_action=form_action).replace(" ;", ";")
    return HTMLResponse(text, status, headers={**HEADERS, "content-security-policy": policy})


def redirect(address: str) -> Response:
    """To a page of ours, so that a reload repeats nothing."""
    location = quote(address, safe="/?#&=%:;,+@!$'()*[]~")
    return Response(status_code=303, headers={**HEADERS, "location": location})


def _static() -> Traversable:
    return files("voxanne.inbound.dashboard") / "static"


def _slim(name: str, content: bytes) -> bytes:
    """Without what only its readers need: lines of comment, indentation, spaces between signs, and
    what type something in a script is.
    """
    if name.endswith((".css", ".js")):
        content = re.sub(
            rb"(?ms)^[ \t]*/\*(?:(?!\*/).)*\*/[ \t]*\n|^[ \t]*//[^\n]*\n|^[ \t]+|^\n", b"", content
        )
    if name.endswith(".js"):
        content = re.sub(rb"/\*\* @type \{[^\n]*?\} \*/ ?", b"", content)
    if name.endswith(".css"):
        content = re.sub(rb"\s*([{};])\s*|([:,]) +", rb"\1\2", content).replace(b";}", b"}")
    return content


@cache
def _assets() -> tuple[str, Mapping[str, bytes]]:
    """Every static file, and a name for this version of them all."""
    found = {
        path.name: _slim(path.name, path.read_bytes())
        for path in _static().iterdir()
        if path.is_file()
    }
    digest = hashlib.sha256()
    for name in sorted(found):
        digest.update(name.encode() + b"\0" + found[name] + b"\0")
    return digest.hexdigest()[:12], found


def asset(name: str) -> str:
    """Where a static file is: below the version of all, so that modules import each other by it."""
    version, found = _assets()
    assert name in found, name
    return f"/static/{version}/{name}"


async def serve_asset(request: Request) -> Response:
    """`/static/{version}/{name}`: kept for good by browsers, since its address changes with it."""
    version, found = _assets()
    name = request.path_params["name"]
    if request.path_params["version"] != version or name not in found:
        return Response(status_code=404, headers={"cache-control": "no-store"})
    headers = {
        "cache-control": "public, max-age=31536000, immutable",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
    }
    return Response(found[name], media_type=_TYPES["." + name.rpartition(".")[2]], headers=headers)


@cache
def icon(name: str) -> Markup:
    """One of the pictures in `templates/icons/`, for the eye alone."""
    source = _templates().loader
    assert source is not None
    text, _, _ = source.get_source(_templates(), f"icons/{name}.svg")
    return Markup(text)  # noqa: S704 (our own file)
