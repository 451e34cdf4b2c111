"""Who works here, what they may do, and how they get in."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import JSONResponse, Response

from voxanne.booking.normalize import normalize_email
from voxanne.booking.outcomes import Outcome
from voxanne.inbound.dashboard.guard import Page
from voxanne.inbound.dashboard.pages import redirect
from voxanne.inbound.dashboard.visit import Visit
from voxanne.inbound.tokens import new_token, token_hash
from voxanne.inbound.v1.problems import RefusedError

PATHS: Final[Mapping[str, str]] = {"sign_in": "/sign-in/", "invitation": "/join/"}
ROLES: Final[Mapping[str, str]] = {"owner": "Owner", "staff": "Staff", "read_only": "Read only"}
DONE: Final[Mapping[str, str]] = {
    "role": "The role is changed.",
    "removed": "They don't work here any more, and see nothing of the clinic from now on.",
    "signed_out": "They are signed out everywhere.",
}
MEMBER_ALREADY: Final = "Somebody with this address works here already."
LAST_OWNER: Final = "The last owner stays one. Make somebody else an owner first."
SHARED: Final = (
    "They work at another clinic too, and sign in as usual. Their account is theirs to look after."
)


async def show(visit: Visit) -> Response:
    return await _page(visit, message=DONE.get(visit.form.get("done")))


async def add(visit: Visit) -> Response:
    token = new_token()
    email = normalize_email(visit.form.get("email"))
    try:
        if email is None:
            raise RefusedError(Outcome.INVALID_EMAIL, "That is no e-mail address.")
        added = await visit.do(
            "member_added",
            ("member", None),
            "add_member",
            email=email,
            name=visit.form.get("name"),
            role=visit.form.get("role"),
            token_hash=token_hash(token),
        )
    except RefusedError as refused:
        return await _refused(visit, refused)
    return await _with_link(visit, email, str(added["link"]), token)


async def change_role(visit: Visit) -> Response:
    member, role = visit.id("member"), visit.form.get("role")
    try:
        await visit.do(
            "member_role_changed",
            ("member", member),
            "change_member_role",
            member_id=member,
            role=role,
        )
    except RefusedError as refused:
        return await _refused(visit, refused)
    if member == visit.member.staff_id and role != "owner" and not visit.wants_json:
        return redirect("/")
    return visit.done("/settings/staff", done="role", role=role)


async def remove(visit: Visit) -> Response:
    member = visit.id("member")
    try:
        await visit.do("member_removed", ("member", member), "remove_member", member_id=member)
    except RefusedError as refused:
        return await _refused(visit, refused)
    if member == visit.member.staff_id and not visit.wants_json:
        return redirect("/")
    return visit.done("/settings/staff", done="removed")


async def make_link(visit: Visit) -> Response:
    """A new one, where the last was lost."""
    member, token = visit.id("member"), new_token()
    try:
        made = await visit.do(
            "member_link_made",
            ("member", member),
            "renew_member_link",
            member_id=member,
            token_hash=token_hash(token),
        )
        members = (await visit.call("list_members"))["items"]
    except RefusedError as refused:
        return await _refused(visit, refused)
    email = next(one["email"] for one in members if one["member_id"] == str(member))
    return await _with_link(visit, email, str(made["link"]), token)


async def sign_out(visit: Visit) -> Response:
    member = visit.id("member")
    try:
        await visit.do(
            "member_signed_out", ("member", member), "end_member_sessions", member_id=member
        )
    except RefusedError as refused:
        return await _refused(visit, refused)
    return visit.done("/settings/staff", done="signed_out")


async def _with_link(visit: Visit, email: str, kind: str, token: str) -> Response:
    """The page with the link on it, this once: only its hash is kept."""
    base = (visit.services.public_url or str(visit.request.base_url)).rstrip("/")
    link = {"kind": kind, "email": email, "address": f"{base}{PATHS[kind]}{token}"}
    if visit.wants_json:
        return JSONResponse({"success": True, **link})
    return await _page(visit, link=link)


async def _refused(visit: Visit, refused: RefusedError) -> Response:
    """On the page, beside the field it is about where it is about one."""
    if visit.wants_json or refused.outcome is Outcome.NOT_FOUND:
        raise refused
    match refused:
        case RefusedError(outcome=Outcome.INVALID_EMAIL):
            return await _page(visit, status=refused.status, wrong_email=refused.detail)
        case RefusedError(details={"reason": "member"}):
            return await _page(visit, status=refused.status, wrong_email=MEMBER_ALREADY)
        case RefusedError(details={"reason": "last_owner"}):
            return await _page(visit, status=refused.status, problem=LAST_OWNER)
        case RefusedError(outcome=Outcome.NOT_YOURS):
            return await _page(visit, status=refused.status, problem=SHARED)
        case _:
            return await _page(visit, status=refused.status, problem=f"{refused.detail}.")


async def _page(
    visit: Visit,
    *,
    status: int = 200,
    message: str | None = None,
    problem: str | None = None,
    wrong_email: str | None = None,
    link: Mapping[str, str] | None = None,
) -> Response:
    return visit.page(
        "settings/staff.html",
        title="Staff",
        status=status,
        message=message,
        problem=problem,
        wrong_email=wrong_email,
        link=link,
        members=(await visit.call("list_members"))["items"],
        roles=ROLES,
    )


PAGES: Final[list[Page]] = [
    Page("GET", "/settings/staff", "owner", show),
    Page("POST", "/settings/staff", "owner", add),
    Page("POST", "/settings/staff/{member}/role", "owner", change_role),
    Page("POST", "/settings/staff/{member}/remove", "owner", remove),
    Page("POST", "/settings/staff/{member}/link", "owner", make_link),
    Page("POST", "/settings/staff/{member}/sign-out", "owner", sign_out),
]
