"""What a file says that can't be."""

from voxanne.booking.outcomes import Outcome


class ClinicFileError(ValueError):
    """The outcome, where in the file it is, and in the message what would be right.

    `where` is a path such as `hours.monday[1]`, empty for the whole file; `line` counts from 1.
    """

    def __init__(
        self, outcome: Outcome, message: str, *, where: str = "", line: int | None = None
    ) -> None:
        super().__init__(message)
        self.outcome = outcome
        self.message = message
        self.where = where
        self.line = line
