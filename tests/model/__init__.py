"""The diary against a naive model of it: whatever is asked of both, they answer the same."""

import pytest

pytest.register_assert_rewrite("tests.model.agreement")
