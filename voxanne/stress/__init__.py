"""Proof on demand: validation, races and measurements against a live database or endpoint.

May import `booking`, `postgres` and `config`, and an HTTP client, never `inbound`.
"""
