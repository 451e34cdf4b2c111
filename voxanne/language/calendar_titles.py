"""What an appointment is called in a practitioner's calendar: as much as the clinic wants seen."""

from voxanne.language.catalogue import say


def appointment_title(
    language: str, title: str, patient: str | None = None, service: str | None = None
) -> str:
    """`title` is the clinic's choice: neutral, name, or name_and_service. Without a patient's name
    it is neutral.
    """
    if title == "neutral" or not patient:
        return say(language, "Appointment")
    if title == "name_and_service" and service:
        return f"{patient}, {service}"
    return patient
