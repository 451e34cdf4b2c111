"""Between the two diaries: what Voxanne told is read and stored, what the practice did is sent."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2

from examples.bridge.practice import Outgoing, Practice

RESYNC_DAYS = 60
PAGE_ITEMS = 200
TOO_MANY = 429


class Exchange:
    """`voxanne`: a client on the address of Voxanne, with a key of scope `staff`."""

    def __init__(self, practice: Practice, voxanne: httpx2.AsyncClient) -> None:
        self._practice = practice
        self._voxanne = voxanne

    async def take_in(self) -> None:
        """Store the present state of each appointment that a webhook named.

        Webhooks may come twice and in any order; what is stored is always read anew, so neither
        matters. Raises httpx2.HTTPError when Voxanne can't be asked: the rest stays untreated.
        """
        for told in self._practice.untreated():
            if told.kind == "person.erased" and told.lead_id:
                self._practice.forget(told.lead_id)
            elif told.appointment_id:
                answer = await self._voxanne.get(f"/v1/appointments/{told.appointment_id}")
                if answer.status_code != httpx2.codes.NOT_FOUND:
                    answer.raise_for_status()
                    self._practice.store(answer.json())
            self._practice.treated(told)

    async def resync(self, now: datetime | None = None) -> int:
        """Read the coming RESYNC_DAYS whole: at the start, and after a long time away. How many."""
        begin = now or datetime.now(UTC)
        wanted: dict[str, Any] = {
            "from": begin.isoformat(),
            "to": (begin + timedelta(days=RESYNC_DAYS)).isoformat(),
            "limit": PAGE_ITEMS,
        }
        stored = 0
        while True:
            answer = await self._voxanne.get("/v1/appointments", params=wanted)
            answer.raise_for_status()
            page = answer.json()
            for appointment in page["items"]:
                self._practice.store(appointment)
                stored += 1
            if page["next_cursor"] is None:
                return stored
            wanted["cursor"] = page["next_cursor"]

    async def send_out(self) -> None:
        """Send what the front desk did, in its order. A refusal is an answer, and is kept for them
        to see; no answer, or one that decides nothing (BUSY, too many, an error of the server's or
        of what stands before it), leaves the change for the next time, which is safe: a booking
        carries its key, a move and a cancellation the version they were made on.
        """
        for change in self._practice.unsent():
            answer = await self._send(change)
            if answer.is_server_error or answer.status_code == TOO_MANY:
                return
            if answer.is_success:
                self._practice.answered(change.id, "done")
                await self._store(answer.json()["id"])
            else:
                refused = answer.json()
                self._practice.answered(change.id, refused["code"], refused["detail"])

    async def _send(self, change: Outgoing) -> httpx2.Response:
        if change.change == "book":
            return await self._voxanne.post(
                "/v1/appointments",
                json=change.body,
                headers={"Idempotency-Key": f"practice-{change.id}"},
            )
        path = f"/v1/appointments/{change.appointment_id}"
        if change.change == "move":
            return await self._voxanne.patch(path, json=change.body)
        return await self._voxanne.post(f"{path}/cancel", json=change.body)

    async def _store(self, appointment: str) -> None:
        answer = await self._voxanne.get(f"/v1/appointments/{appointment}")
        answer.raise_for_status()
        self._practice.store(answer.json())
