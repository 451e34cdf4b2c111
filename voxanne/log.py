"""Structured logs, one JSON object a line, without a patient's details or a secret.

Redaction is the last net: what must not be logged should not be passed in the first place.
"""

import logging
import re
import sys
from typing import Final

import structlog
from structlog.types import EventDict, WrappedLogger

REDACTED: Final = "[redacted]"
_SECRET_KEYS: Final = re.compile(
    r"name$|phone|number$|caller|e-?mail|secret|token|password|authorization|api_?key|birth|notes",
    re.IGNORECASE,
)
_HARMLESS_KEYS: Final = frozenset({"tool_name", "event_name"})
_PATIENT_TEXT: Final = re.compile(
    r"\+?\d[\d\s().-]{7,}\d|[^\s@\"'<>]+@[^\s@\"'<>]+\.[a-z]{2,}", re.IGNORECASE
)
_IDENTIFIERS: Final = frozenset({"org_id", "call_id", "timestamp", "ms", "bug", "route"})


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide values by key, and whatever looks like a phone number or an e-mail address in text."""
    for key, value in event.items():
        if key in _IDENTIFIERS:
            continue
        if _SECRET_KEYS.search(key) and key not in _HARMLESS_KEYS:
            event[key] = REDACTED
        elif isinstance(value, str) and len(value) > 8:
            event[key] = _PATIENT_TEXT.sub(REDACTED, value)
        elif not isinstance(value, str | int | float | bool | None):
            event[key] = REDACTED
    return event


def configure_logging(level: str) -> None:
    """Send logs to standard error. Libraries' own loggers speak only when something is wrong."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            redact,
            structlog.processors.JSONRenderer(separators=(",", ":")),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(NamesOnly())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


class NamesOnly(logging.Formatter):
    """A library's message as level, logger and exception type: its text could hold anything."""

    def format(self, record: logging.LogRecord) -> str:
        kind = record.exc_info[0] if record.exc_info else None
        return f"{record.levelname} {record.name}{f' {kind.__name__}' if kind else ''}"
