"""How much Hypothesis tries: the same examples each time, or as many new ones as are asked for."""

import os
from typing import Any

from hypothesis import HealthCheck, settings

# A long run: VOXANNE_MODEL_EXAMPLES=5000.
EXAMPLES = int(os.environ.get("VOXANNE_MODEL_EXAMPLES", "0"))


def profile(examples: int, **overrides: Any) -> settings:
    """`examples` of them, unless the environment says how many."""
    return settings(
        **{
            "max_examples": EXAMPLES or examples,
            "derandomize": not EXAMPLES,
            "print_blob": bool(EXAMPLES),
            "database": None,
            "deadline": None,
            "suppress_health_check": list(HealthCheck),
            **overrides,
        }
    )
