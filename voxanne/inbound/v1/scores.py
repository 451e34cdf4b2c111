"""What leads' scores are made of."""

from typing import Annotated

from fastapi import Response
from pydantic import Field

from voxanne.booking.outcomes import Outcome
from voxanne.inbound.v1.headers import IfMatch, set_version, wanted_version
from voxanne.inbound.v1.problems import problems
from voxanne.inbound.v1.routing import CallerHere, router
from voxanne.inbound.v1.schemas import Sent, Shown, Versioned, examples

Points = Annotated[int, Field(strict=True, ge=-100, le=100)]
Threshold = Annotated[int, Field(strict=True, ge=1, le=100)]
_WEIGHTS = {
    "hot": 80,
    "warm": 40,
    "weights": {"start": 20, "service": 10, "upcoming": 25, "no_show": -15},
    "services": {"implant": 20},
}

routes = router("leads")


class ScoreWeights(Sent):
    model_config = examples(_WEIGHTS)

    hot: Threshold = Field(description="A lead with so many points is hot.")
    warm: Threshold = Field(description="Less than hot. Who has less is cold.")
    weights: dict[str, Points] = Field(
        description="What each fact is worth. What isn't named has the built-in points.",
    )
    services: dict[str, Points] = Field(
        description="What having asked for a service is worth, by its key."
    )


class ScoreWeightsSent(Versioned):
    model_config = examples({"weights": _WEIGHTS, "version": 1})

    weights: ScoreWeights | None = Field(description="null: the built-in ones again.")


class ScoreWeightsHeld(Shown):
    model_config = examples({"weights": _WEIGHTS, "own": False, "version": 1})

    weights: ScoreWeights
    own: bool = Field(description="false: these are the built-in ones.")
    version: int


@routes.get("/v1/score-weights", summary="Read what scores are made of", responses=problems())
async def read(caller: CallerHere, response: Response) -> ScoreWeightsHeld:
    held = ScoreWeightsHeld.model_validate(await caller.call("score_weights"))
    set_version(response, held.version)
    return held


@routes.put(
    "/v1/score-weights",
    summary="Change what scores are made of",
    responses=problems(Outcome.STALE_VERSION, body=True),
)
async def change(
    body: ScoreWeightsSent, caller: CallerHere, response: Response, if_match: IfMatch = None
) -> ScoreWeightsHeld:
    """A worker then scores everybody anew."""
    answer = await caller.call(
        "set_score_weights",
        weights=None if body.weights is None else body.weights.model_dump_json(),
        version=wanted_version(if_match, body.version),
    )
    held = ScoreWeightsHeld.model_validate(answer)
    set_version(response, held.version)
    return held
