"""The system of record behind a clinic's telephone: books each appointment exactly once."""

__version__ = "0.1.0"
