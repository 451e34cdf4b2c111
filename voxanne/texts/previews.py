"""How a text message will look, before it is used, and how long it is."""

from dataclasses import dataclass

from voxanne.texts.segments import Length, measure
from voxanne.texts.templates import Words, example_values


@dataclass(frozen=True, slots=True)
class Preview:
    text: str
    length: Length


def preview(
    kind: str, language: str, own: str | None, clinic: str | None = None, phone: str | None = None
) -> Preview:
    """With example values; those of the clinic are its own where they are given."""
    values = example_values(language)
    if clinic is not None:
        values |= {"clinic": clinic, "phone": phone or ""}
    text = Words(kind, language, own).fill(values)
    return Preview(text, measure(text))
