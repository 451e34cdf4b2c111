"""Signing in and out, by password or one-time link; and the way to one's clinic."""

from dataclasses import dataclass
from typing import Any, Final

from starlette.responses import Response
from starlette.routing import Route

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.account import AccountPages
from voxanne.inbound.dashboard.guard import Guard
from voxanne.inbound.dashboard.pages import redirect
from voxanne.inbound.dashboard.passwords import Passwords, is_outdated, problem_with
from voxanne.inbound.dashboard.sessions import (
    Call,
    count_attempt,
    outside_route,
    own_path,
    secret_of,
    subject_hash,
)
from voxanne.inbound.http import note
from voxanne.inbound.tokens import new_token, token_hash

WRONG: Final = "The e-mail address or the password is wrong."
TITLE: Final = "Sign in"
# One sentence for every link that doesn't work, whatever the reason.
NO_LINK: Final = (
    "This link has been used, or is older than 24 hours. Ask an owner of your clinic for a new one."
)


@dataclass(frozen=True, slots=True)
class SignInPages:
    passwords: Passwords

    async def begin(self, call: Call) -> Response:
        """`/`: the clinic that was last used; a choice where none of several was."""
        if call.person is None:
            return redirect("/sign-in")
        clinics = call.person.clinics
        if not clinics or (len(clinics) > 1 and not any(one["last_seen_at"] for one in clinics)):
            return call.page("choose.html", title="Your clinics")
        last = max(clinics, key=lambda one: one["last_seen_at"] or "")
        return redirect(f"/clinic/{last['id']}/calendar")

    async def show(self, call: Call) -> Response:
        following = own_path(call.form.get("next"))
        if call.person is not None:
            return redirect(following)
        return _form(call, following)

    async def sign_in(self, call: Call) -> Response:
        following = own_path(call.form.get("next"))
        email, password = call.form.get("email").lower(), secret_of(call, "password")
        problems = {}
        if not email:
            problems["email"] = "Your e-mail address is needed."
        if not password:
            problems["password"] = "Your password is needed."  # noqa: S105
        if problems:
            return _form(call, following, 422, problems=problems)
        refused = await _too_many(call, email, following)
        if refused is not None:
            return refused
        account = await call.fetch("find_staff_account", email) or {}
        stored = account.get("password_hash")
        if await self.passwords.verify(stored, password) and stored is not None:
            token = new_token()
            if is_outdated(stored):
                renewed = await self.passwords.hash(password)
                await call.fetch("rehash_password", account["staff_id"], stored, renewed)
                stored = renewed
            if await call.fetch(
                "open_session",
                account["staff_id"],
                stored,
                subject_hash("email", email),
                token_hash(token),
                call.device,
                call.replaced_hash,
            ):
                return call.with_session(redirect(following), token)
        note(call.request, outcome=Outcome.UNAUTHORIZED)
        return _form(call, following, 401, problem=WRONG)

    async def show_link(self, call: Call) -> Response:
        """Uses nothing up: mail filters follow links."""
        found = await _find_link(call)
        return _no_link(call) if found is None else _link_form(call, found)

    async def take_link(self, call: Call) -> Response:
        found = await _find_link(call)
        if found is None:
            return _no_link(call)
        chosen, hashed = secret_of(call, "new_password"), None
        if chosen:
            problem = problem_with(chosen, found["email"])
            if problem is not None:
                return _link_form(call, found, 422, problem=problem)
            hashed = await self.passwords.hash(chosen)
        token = new_token()
        if not await call.fetch(
            "take_sign_in_link",
            _link_hash(call),
            token_hash(token),
            call.device,
            hashed,
            call.replaced_hash,
        ):
            return _no_link(call)
        return call.with_session(redirect("/"), token)

    async def sign_out(self, call: Call) -> Response:
        if call.person is not None:
            call.guard.check_form(call.request, call.form, call.person.token)
            await call.fetch("end_sessions", call.person.staff_id, call.person.session_id)
        return call.without_session(redirect("/sign-in"))


def routes(guard: Guard) -> list[Route]:
    """`/`, `/sign-in`, `/sign-out`, `/account`, `/join`."""
    passwords = Passwords()
    pages, account = SignInPages(passwords), AccountPages(passwords)
    return [
        outside_route(guard, "GET", "/", pages.begin),
        outside_route(guard, "GET", "/sign-in", pages.show),
        outside_route(guard, "POST", "/sign-in", pages.sign_in),
        outside_route(guard, "GET", "/sign-in/{token}", pages.show_link),
        outside_route(guard, "POST", "/sign-in/{token}", pages.take_link),
        outside_route(guard, "POST", "/sign-out", pages.sign_out),
        outside_route(guard, "GET", "/account", account.show),
        outside_route(guard, "POST", "/account", account.change),
        outside_route(guard, "GET", "/join/{token}", account.show_invitation),
        outside_route(guard, "POST", "/join/{token}", account.accept_invitation),
    ]


async def _too_many(call: Call, email: str, following: str) -> Response | None:
    """A page for whoever tried too often: whether there is such an account plays no part."""
    seconds = await count_attempt(call, email)
    if seconds is None:
        return None
    minutes = -(-seconds // 60)
    note(call.request, outcome=Outcome.RATE_LIMITED)
    answer = _form(
        call,
        following,
        429,
        problem=f"Too many attempts. Try again in {minutes} minute{'s' * (minutes != 1)}.",
    )
    answer.headers["retry-after"] = str(seconds)
    return answer


async def _find_link(call: Call) -> dict[str, Any] | None:
    found: dict[str, Any] | None = await call.guessed("find_sign_in_link", _link_hash(call))
    return found


def _link_hash(call: Call) -> bytes:
    return token_hash(call.request.path_params["token"])


def _form(
    call: Call,
    following: str,
    status: int = 200,
    *,
    problem: str | None = None,
    problems: dict[str, str] | None = None,
) -> Response:
    return call.page(
        "password.html",
        title=TITLE,
        status=status,
        following=following,
        email=call.form.get("email"),
        problem=problem,
        problems=problems or {},
    )


def _link_form(
    call: Call, found: dict[str, Any], status: int = 200, *, problem: str | None = None
) -> Response:
    return call.page(
        "link.html",
        title=TITLE,
        status=status,
        email=found["email"],
        has_password=found["has_password"],
        problem=problem,
    )


def _no_link(call: Call) -> Response:
    note(call.request, outcome=Outcome.NOT_FOUND)
    return call.page("no_link.html", title="This link doesn't work", status=404, sentence=NO_LINK)
