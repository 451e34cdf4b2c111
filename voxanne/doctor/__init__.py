"""Is this deployment ready for a clinic? One module per subject, each with its checks; none of them
changes anything, but the canary clinic that is booked in and deleted again, and tokens renewed as
the product renews them. May import everything below the roots of API and command line.
"""

from voxanne.doctor.examination import Examination
from voxanne.doctor.finding import Finding, Report, Result, State
from voxanne.doctor.rounds import CHECKS, examine

__all__ = ["CHECKS", "Examination", "Finding", "Report", "Result", "State", "examine"]
