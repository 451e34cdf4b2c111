"""The stock client of Supabase at a served instance: refusals are data, wrong keys are errors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from postgrest.exceptions import APIError
from supabase import AsyncClient, Client, acreate_client, create_client
from supabase.lib.client_options import AsyncClientOptions

from tests.database import Database
from tests.integration.clinics import Api, Json, running_api
from tests.integration.tokens import JWT_SECRET, token

# The client's own parts call each other in a way they have deprecated.
pytestmark = pytest.mark.filterwarnings(
    "ignore:The '(timeout|verify|proxy)' parameter is deprecated:DeprecationWarning"
)
FUNCTION = "book_appointment_atomic"


@pytest.fixture
async def api(database: Database) -> AsyncIterator[Api]:
    async with running_api(database, on_socket=True, jwt_secret=JWT_SECRET) as api:
        yield api


def parameters(api: Api, **changes: Any) -> Json:
    return {
        "p_org_id": str(api.clinic.id),
        "p_patient_name": "Test User",
        "p_patient_email": "test@ex.com",
        "p_patient_phone": "+15551234567",
        "p_service_type": "consultation",
        "p_scheduled_at": "2027-06-01T11:00:00Z",
        "p_duration_minutes": 60,
        **changes,
    }


@asynccontextmanager
async def connected(api: Api, key: str, bearer: str | None = None) -> AsyncIterator[AsyncClient]:
    headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
    options = AsyncClientOptions(headers=headers)
    client = await acreate_client(str(api.http.base_url), key, options)
    yield client
    await client.postgrest.aclose()


async def call(client: AsyncClient, body: Json) -> Json:
    answer: Any = (await client.rpc(FUNCTION, body).execute()).data
    assert isinstance(answer, dict)
    return answer


async def test_it_books_and_is_refused(api: Api) -> None:
    key = token({"org_id": str(api.clinic.id), "role": "authenticated"})
    other = parameters(api, p_patient_name="Ana Ruiz", p_patient_phone="+15557654321")
    async with connected(api, key) as client:
        booked = await call(client, parameters(api))
        again = await call(client, parameters(api))
        refused = await call(client, other)
    assert (booked["success"], booked["replayed"]) == (True, False)
    assert (again["appointment_id"], again["replayed"]) == (booked["appointment_id"], True)
    assert (refused["success"], refused["error"]) == (False, "SLOT_UNAVAILABLE")
    assert refused["message"] == "SLOT_UNAVAILABLE: This time slot is already booked"
    assert await api.value("SELECT count(*) FROM appointments") == 1


async def test_a_users_token_speaks_for_them(api: Api) -> None:
    """The deployment's public key in `apikey`, as Supabase has it; the user in `Authorization`."""
    other = await api.open_clinic()
    public, own = (token({"org_id": str(each)}) for each in (other.id, api.clinic.id))
    async with connected(api, public, bearer=own) as client:
        assert (await call(client, parameters(api)))["success"] is True


async def test_another_clinics_token_is_refused(api: Api) -> None:
    other = await api.open_clinic()
    async with connected(api, token({"org_id": str(other.id)})) as client:
        assert (await call(client, parameters(api)))["error"] == "FORBIDDEN_ORGANIZATION"


async def test_a_wrong_key_and_an_unknown_parameter_are_errors(api: Api) -> None:
    claims = {"org_id": str(api.clinic.id)}
    async with connected(api, token(claims, key="wrong" * 20)) as client:
        with pytest.raises(APIError) as raised:
            await call(client, parameters(api))
    assert raised.value.code == "UNAUTHORIZED"
    async with connected(api, token(claims)) as client:
        with pytest.raises(APIError) as raised:
            await call(client, parameters(api, p_colour="blue"))
    assert raised.value.code == "PGRST202"


async def test_the_client_that_blocks_books_too(api: Api) -> None:
    key = token({"org_id": str(api.clinic.id)})

    def book() -> Any:
        client: Client = create_client(str(api.http.base_url), key)
        try:
            return client.rpc(FUNCTION, parameters(api)).execute().data
        finally:
            client.postgrest.aclose()

    assert (await asyncio.to_thread(book))["success"] is True
