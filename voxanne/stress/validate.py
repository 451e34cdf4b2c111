"""`voxanne validate`: the four criteria, against the database and, with a URL, over HTTP."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from voxanne.postgres.organizations import create_key
from voxanne.stress.criteria.conflicts import check_conflicts
from voxanne.stress.criteria.dates import check_dates
from voxanne.stress.criteria.normalization import check_normalization
from voxanne.stress.criteria.tenants import check_tenants
from voxanne.stress.endpoint import Endpoint, open_endpoint
from voxanne.stress.evidence import Criterion
from voxanne.stress.scene import RACERS, Scene
from voxanne.stress.scratch import ProofError, Target, scratch_organizations

CRITERIA: Final[dict[str, Callable[[Scene, Criterion], Awaitable[None]]]] = {
    "normalisation": check_normalization,
    "date prevention": check_dates,
    "atomic conflict": check_conflicts,
    "tenant isolation": check_tenants,
}


async def validate(
    target: Target,
    url: str | None,
    *,
    date_correction_days_max: int,
    report: Callable[[Criterion], None] = lambda _: None,
) -> list[Criterion]:
    """Run every criterion in two scratch clinics, and `report` each as it is done.

    `url`: the API's address; its database must be the target. Raises ProofError when it can't be
    tried; what fails is in the criteria.
    """
    async with (
        scratch_organizations(target, "validate", 2) as (clinic, other),
        target.owner() as owner,
        target.api(RACERS) as pool,
        _reach(url) as api,
    ):
        scene = Scene(
            owner=owner,
            pool=pool,
            clinic=clinic,
            other=other,
            now=await owner.fetchval("SELECT current_moment()"),
            date_correction_days_max=date_correction_days_max,
        )
        if api is not None:
            scene.api = api.with_key(await create_key(owner, clinic, "agent"))
            scene.other_key = await create_key(owner, other, "agent")
            await _require_same_database(scene)
        return [await _run(name, scene, report) for name in CRITERIA]


async def _run(name: str, scene: Scene, report: Callable[[Criterion], None]) -> Criterion:
    criterion = Criterion(name)
    await CRITERIA[name](scene, criterion)
    report(criterion)
    return criterion


@contextlib.asynccontextmanager
async def _reach(url: str | None) -> AsyncIterator[Endpoint | None]:
    if url is None:
        yield None
        return
    async with open_endpoint(url, None, RACERS) as endpoint:
        yield endpoint


async def _require_same_database(scene: Scene) -> None:
    """A key made here must open the door there. Raises ProofError."""
    answer = await scene.tell()
    if str(answer.get("error")).startswith("HTTP 401"):
        raise ProofError(
            "The API doesn't know a key that was made in this database. DATABASE_URL (or "
            "VOXANNE_DATA_DIR) must be that of the API at --url."
        )
