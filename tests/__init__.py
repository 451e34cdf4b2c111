"""Tests on the real PostgreSQL: a database of its own per test, no mocks of it, no roll-back."""
