"""One's own account: name, password, sessions, and joining another clinic."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from starlette.responses import Response

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.pages import redirect
from voxanne.inbound.dashboard.passwords import Passwords, normal, problem_with
from voxanne.inbound.dashboard.sessions import Call, Person, count_attempt, secret_of
from voxanne.inbound.dashboard.visit import read_id
from voxanne.inbound.http import note
from voxanne.inbound.tokens import token_hash
from voxanne.inbound.v1.problems import RefusedError

NAME_CHARACTERS_MAX: Final = 120
DONE: Final[Mapping[str, str]] = {
    "name": "Your name is saved.",
    "password": "Your password is changed. You are signed out everywhere else.",
    "ended": "That session is ended.",
    "others": "You are signed out everywhere else.",
}
NO_INVITATION: Final = (
    "This invitation is for another account, has been accepted, or was replaced by a newer one. "
    "Sign in with the e-mail address it is for, or ask the clinic's owner for a new one."
)
WRONG_PASSWORD: Final = "This isn't your password."  # noqa: S105
CHANGED_MEANWHILE: Final = "Your password was changed in the meantime. Try again."

Problems = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AccountPages:
    """`/account`, and `/join/{token}` for who has one already."""

    passwords: Passwords

    async def show(self, call: Call) -> Response:
        person = call.signed_in
        return await self._page(call, person, message=DONE.get(call.form.get("done")))

    async def change(self, call: Call) -> Response:
        person = call.signed_in
        call.guard.check_form(call.request, call.form, person.token)
        changes: dict[str, Callable[[Call, Person], Awaitable[Response]]] = {
            "name": self._rename,
            "password": self._change_password,
            "end_session": self._end_session,
            "end_others": self._end_others,
        }
        change = changes.get(call.form.get("action"))
        if change is None:
            raise RefusedError(Outcome.INVALID_ARGUMENTS, "There is nothing to change in that.")
        return await change(call, person)

    async def show_invitation(self, call: Call) -> Response:
        found = await _find_invitation(call, call.signed_in)
        return _no_invitation(call) if found is None else _invitation(call, found)

    async def accept_invitation(self, call: Call) -> Response:
        """With the password, and a new one: whoever made the account for them may be signed in to
        it, and may have chosen the password so far.
        """
        person = call.signed_in
        call.guard.check_form(call.request, call.form, person.token)
        found = await _find_invitation(call, person)
        if found is None:
            return _no_invitation(call)
        stored, chosen, problems = await self._checked(call, person, "password")
        if stored is not None and _is_same(call, "password", "new_password"):
            problems = {"new_password": "Choose another than before, which only you know."}
        if problems:
            return _invitation(call, found, 422, problems)
        answer = await call.fetch(
            "accept_invitation",
            person.staff_id,
            person.session_id,
            token_hash(call.request.path_params["token"]),
            stored,
            chosen,
        )
        if not answer["success"]:
            return _invitation(call, found, 409, {"password": CHANGED_MEANWHILE})
        return redirect(f"/clinic/{answer['org_id']}/calendar")

    async def _rename(self, call: Call, person: Person) -> Response:
        name = " ".join(call.form.get("name").split())
        if not 1 <= len(name) <= NAME_CHARACTERS_MAX:
            problem = f"A name has 1 to {NAME_CHARACTERS_MAX} characters."
            return await self._page(call, person, problems={"name": problem})
        await call.fetch("save_staff_name", person.staff_id, name)
        return redirect("/account?done=name")

    async def _change_password(self, call: Call, person: Person) -> Response:
        stored, chosen, problems = await self._checked(call, person, "old_password")
        if not problems and not await call.fetch(
            "change_password", person.staff_id, person.session_id, stored, chosen
        ):
            problems = {"old_password": CHANGED_MEANWHILE}
        if problems:
            return await self._page(call, person, problems=problems)
        return redirect("/account?done=password")

    async def _checked(
        self, call: Call, person: Person, field: str
    ) -> tuple[str | None, str | None, Problems]:
        """The stored hash, once `field` was found to be its password; the hash of the new password;
        and what is wrong with what was typed.

        Wrong passwords count as attempts to sign in.
        """
        stored = await _stored_password(call, person)
        if stored is not None:
            await _count_attempt(call, person)
            if not await self.passwords.verify(stored, secret_of(call, field)):
                note(call.request, outcome=Outcome.UNAUTHORIZED)
                return None, None, {field: WRONG_PASSWORD}
        chosen = secret_of(call, "new_password")
        problem = problem_with(chosen, person.email)
        if problem is not None:
            return None, None, {"new_password": problem}
        return stored, await self.passwords.hash(chosen), {}

    async def _end_session(self, call: Call, person: Person) -> Response:
        session = read_id(call.form.get("session"))
        if session is None or not await call.fetch("end_sessions", person.staff_id, session):
            raise RefusedError(Outcome.NOT_FOUND, "There is no such session.")
        if session == person.session_id:
            return call.without_session(redirect("/sign-in"))
        return redirect("/account?done=ended")

    async def _end_others(self, call: Call, person: Person) -> Response:
        await call.fetch("end_sessions", person.staff_id, None, person.session_id)
        return redirect("/account?done=others")

    async def _page(
        self,
        call: Call,
        person: Person,
        *,
        message: str | None = None,
        problems: Problems | None = None,
    ) -> Response:
        sessions = await call.fetch("list_sessions", person.staff_id)
        return call.page(
            "account.html",
            title="My account",
            status=422 if problems else 200,
            message=message,
            problems=problems or {},
            name=call.form.get("name", person.name) if problems else person.name,
            has_password=await _stored_password(call, person) is not None,
            sessions=[
                {
                    **one,
                    "seen": _moment(one["last_seen_at"]),
                    "here": one["session_id"] == str(person.session_id),
                }
                for one in sessions
            ],
        )


async def _stored_password(call: Call, person: Person) -> str | None:
    account: dict[str, str | None] | None = await call.fetch("find_staff_account", person.email)
    return account["password_hash"] if account else None


def _is_same(call: Call, field: str, other: str) -> bool:
    """Of two passwords that may be ones."""
    return normal(secret_of(call, field)) == normal(secret_of(call, other))


async def _count_attempt(call: Call, person: Person) -> None:
    """Raises RefusedError."""
    seconds = await count_attempt(call, person.email)
    if seconds is not None:
        raise RefusedError(
            Outcome.RATE_LIMITED,
            "Too many wrong passwords. Try again in a quarter of an hour.",
            headers={"Retry-After": str(seconds)},
        )


async def _find_invitation(call: Call, person: Person) -> dict[str, Any] | None:
    found: dict[str, Any] | None = await call.guessed(
        "find_invitation", person.staff_id, token_hash(call.request.path_params["token"])
    )
    return found


def _invitation(
    call: Call, found: Mapping[str, Any], status: int = 200, problems: Problems | None = None
) -> Response:
    title = f"Join {found['clinic']}"
    return call.page(
        "invitation.html", title=title, status=status, found=found, problems=problems or {}
    )


def _no_invitation(call: Call) -> Response:
    note(call.request, outcome=Outcome.NOT_FOUND)
    title = "This link doesn't work"
    return call.page("no_link.html", title=title, status=404, sentence=NO_INVITATION)


def _moment(said: str) -> str:
    """Outside any clinic there is no zone to tell times in but UTC."""
    return f"{datetime.fromisoformat(said).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
