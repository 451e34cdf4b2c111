"""Lists, a page at a time. A cursor is where the next page begins, sealed: it is good for the
organization and the list with the filters it was given for, and for nothing else.
"""

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

from cryptography.fernet import InvalidToken
from fastapi import Query
from pydantic import BaseModel, Field

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.problems import RefusedError
from voxanne.inbound.v1.security import Caller, given

LIMIT_DEFAULT: Final = 50
LIMIT_MAX: Final = 200

Item = TypeVar("Item", bound=BaseModel)

# Parameter of the SQL function → field of its rows, and how to read it.
Keys = Mapping[str, tuple[str, Callable[[str], object]]]

Limit = Annotated[
    int, Query(ge=1, le=LIMIT_MAX, description="The most items a page holds.", examples=[50])
]
Cursor = Annotated[
    str | None,
    Query(
        description="`next_cursor` of the page before, with the same filters.",
    ),
]


class Page(BaseModel, Generic[Item]):
    """Some of the items, in a stable order."""

    items: list[Item]
    next_cursor: str | None = Field(
        description="The cursor of the next page; null after the last item."
    )


@dataclass(frozen=True, slots=True)
class Listing:
    """A SQL function that lists, and what its pages go by.

    `endless`: there is always a next page, which may be empty yet.
    """

    function: str
    item: type[BaseModel]
    keys: Keys
    endless: bool = False

    async def page(
        self, caller: Caller, cursor: str | None, limit: int, **filters: object
    ) -> dict[str, Any]:
        """The page after the cursor's. Raises RefusedError."""
        context = self._context(caller, filters)
        after: dict[str, str] = {} if cursor is None else _unseal(caller, context, cursor)
        position = {name: self.keys[name][1](value) for name, value in after.items()}
        found = await caller.call(self.function, **given(**filters), **position, limit=limit + 1)
        rows = found["items"][:limit]
        if rows and (self.endless or len(found["items"]) > limit):
            after = {name: str(rows[-1][field]) for name, (field, _) in self.keys.items()}
        elif not self.endless:
            return {"items": self._items(rows), "next_cursor": None}
        return {"items": self._items(rows), "next_cursor": _seal(caller, context, after)}

    def _items(self, rows: list[Any]) -> list[BaseModel]:
        return [self.item.model_validate(row) for row in rows]

    def _context(self, caller: Caller, filters: Mapping[str, object]) -> str:
        parts = [str(caller.credential.organization), self.function]
        parts += [f"{name}={value}" for name, value in sorted(filters.items())]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


BY_CREATION: Final[Keys] = {
    "after_at": ("created_at", datetime.fromisoformat),
    "after_id": ("id", UUID),
}


def _seal(caller: Caller, context: str, position: Mapping[str, str]) -> str:
    content = json.dumps([context, position])
    return caller.services.fernet.encrypt(content.encode()).decode()


def _unseal(caller: Caller, context: str, cursor: str) -> dict[str, str]:
    """The position; the same refusal for a cursor that is mangled, foreign, or another list's."""
    try:
        sealed = cursor.encode()
        # Python reads base64 past what doesn't belong there.
        if urlsafe_b64encode(urlsafe_b64decode(sealed)) != sealed:
            raise InvalidToken
        made_for, position = json.loads(caller.services.fernet.decrypt(sealed))
    except (InvalidToken, ValueError):
        made_for, position = None, {}
    if made_for != context:
        detail = "The cursor is not of this list with these filters."
        raise RefusedError(Outcome.INVALID_ARGUMENTS, detail, {"where": "cursor"}, status=400)
    return dict(position)
