"""The measurement of what deliveries cost compares with a booking that really queues none."""

import pytest

from voxanne.postgres.migrate import load_functions
from voxanne.stress.outbox_bench import without_deliveries
from voxanne.stress.scratch import ProofError


def test_nothing_but_the_deliveries_is_taken_out() -> None:
    whole = load_functions()["store_appointment"]
    bare = without_deliveries(whole)
    assert "deliveries" not in bare.split("AS $$")[1]
    for kept in ("INSERT INTO leads", "INSERT INTO appointments", "INSERT INTO events"):
        assert kept in bare


def test_a_function_that_reads_otherwise_is_not_measured() -> None:
    with pytest.raises(ProofError):
        without_deliveries("CREATE FUNCTION store_appointment() …")
