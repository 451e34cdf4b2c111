"""Appointment and Slot of FHIR R4 (4.0.1, https://hl7.org/fhir/R4/), made of what `/v1` shows."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

Resource = dict[str, Any]

# https://hl7.org/fhir/R4/valueset-appointmentstatus.html; a hold is nobody's appointment yet.
STATUSES = {
    "confirmed": "booked",
    "cancelled": "cancelled",
    "completed": "fulfilled",
    "no_show": "noshow",
    "held": "pending",
    "expired": "cancelled",
}
LEAD_SYSTEM = "urn:voxanne:lead"


def appointment(shown: dict[str, Any]) -> Resource:
    """An appointment of `/v1` as an Appointment. Its patient is contained, for whoever has to find
    them in a system of their own: there is no Patient resource here.
    """
    starts, ends = (datetime.fromisoformat(shown[name]) for name in ("scheduled_at", "ends_at"))
    resource: Resource = {
        "resourceType": "Appointment",
        "id": shown["id"],
        "meta": {"versionId": str(shown["version"]), "lastUpdated": shown["updated_at"]},
        "status": STATUSES[shown["status"]],
        "serviceType": [{"text": shown["service_type"]}],
        "start": _instant(starts),
        "end": _instant(ends),
        "minutesDuration": int((ends - starts).total_seconds() // 60),
        "created": shown["created_at"],
        "participant": [_practitioner(shown)],
    }
    if patient := _patient(shown):
        resource["contained"] = [patient]
        resource["participant"].append(
            {
                "actor": {"reference": "#patient"},
                "status": "accepted" if shown["patient_confirmed_at"] else "needs-action",
            }
        )
    if shown["room_id"]:
        room = {"reference": f"Location/{shown['room_id']}"}
        resource["participant"].append({"actor": room, "status": "accepted"})
    if shown["notes"]:
        resource["comment"] = shown["notes"]
    return resource


def slot(offered: dict[str, Any], service: str) -> Resource:
    """A free time of `/v1` as a Slot of its practitioner's Schedule."""
    starts, ends = (datetime.fromisoformat(offered[name]) for name in ("starts_at", "ends_at"))
    practitioner = UUID(offered["practitioner_id"])
    return {
        "resourceType": "Slot",
        "id": f"{practitioner.hex}.{int(starts.timestamp())}",
        "schedule": {"reference": f"Schedule/{practitioner}"},
        "status": "free",
        "serviceType": [{"text": service}],
        "start": _instant(starts),
        "end": _instant(ends),
    }


def bundle(resources: list[Resource], base: str, self_url: str, next_url: str | None) -> Resource:
    """What a search found, a page of it."""
    links = [{"relation": "self", "url": self_url}]
    if next_url:
        links.append({"relation": "next", "url": next_url})
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": links,
        "entry": [
            {
                "fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}",
                "resource": resource,
                "search": {"mode": "match"},
            }
            for resource in resources
        ],
    }


def refusal(code: str, text: str) -> Resource:
    """`code`: of https://hl7.org/fhir/R4/valueset-issue-type.html."""
    issue = {"severity": "error", "code": code, "diagnostics": text}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def capabilities(base: str, now: datetime) -> Resource:
    def search(name: str, kind: str) -> Resource:
        return {"name": name, "type": kind}

    return {
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": _instant(now),
        "kind": "instance",
        "implementation": {"description": "Voxanne's diary, read-only", "url": base},
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [
            {
                "mode": "server",
                "resource": [
                    {
                        "type": "Appointment",
                        "interaction": [{"code": "read"}, {"code": "search-type"}],
                        "searchParam": [
                            search("date", "date"),
                            search("practitioner", "reference"),
                            search("status", "token"),
                        ],
                    },
                    {
                        "type": "Slot",
                        "interaction": [{"code": "search-type"}],
                        "searchParam": [
                            search("start", "date"),
                            search("schedule", "reference"),
                            search("service-type", "token"),
                        ],
                    },
                ],
            }
        ],
    }


def _practitioner(shown: dict[str, Any]) -> Resource:
    actor = {"reference": f"Practitioner/{shown['practitioner_id']}"}
    if shown["practitioner_name"]:
        actor["display"] = shown["practitioner_name"]
    return {"actor": actor, "status": "accepted"}


def _patient(shown: dict[str, Any]) -> Resource | None:
    """None of a person who was erased."""
    given = shown["patient"]
    if not given or not given["name"]:
        return None
    patient: Resource = {"resourceType": "Patient", "id": "patient"}
    if shown["lead_id"]:
        patient["identifier"] = [{"system": LEAD_SYSTEM, "value": shown["lead_id"]}]
    patient["name"] = [{"text": given["name"]}]
    telecom = [("phone", given["contact_phone"] or given["phone"]), ("email", given["email"])]
    patient["telecom"] = [{"system": kind, "value": value} for kind, value in telecom if value]
    if not patient["telecom"]:
        del patient["telecom"]
    return patient


def _instant(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
