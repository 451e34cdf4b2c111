"""A judge of the database that shares no code with what wrote it, so that both can't err alike.

It reads tables, of which only their documented meaning is taken for granted, and the journal of
what callers saw. May import nothing else of the project (checked). The rules are explained in
docs/explanation/oracle.md.
"""

from voxanne.stress.oracle.finding import Anomaly, Finding
from voxanne.stress.oracle.journal import Entry, Journal
from voxanne.stress.oracle.verdict import find_anomalies, judge

__all__ = ["Anomaly", "Entry", "Finding", "Journal", "find_anomalies", "judge"]
