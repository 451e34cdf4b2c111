"""Where the platform says which language the caller speaks."""

from uuid import uuid4

import pytest

from tests.unit import vapi_bodies as bodies
from voxanne.inbound.voice import caller_language
from voxanne.inbound.voice.caller_language import ChangedLanguages, reported_language
from voxanne.inbound.voice.vapi import VoiceRequest, parse_request


def request(call: object = None, **message: object) -> VoiceRequest:
    whole = {"type": "tool-calls", "call": {"id": "call", **(call or {})}, **message}  # type: ignore[dict-item]
    return parse_request({"message": whole}, {})


def transcriber(language: object) -> dict[str, object]:
    return {"transcriber": {"provider": "deepgram", "language": language}}


@pytest.mark.parametrize(
    ("voice", "language"),
    [
        (request(), ""),
        (request(assistant=transcriber("es-MX")), "es"),
        (request(assistant=transcriber("multi")), ""),
        (request(assistant=transcriber(["es"])), ""),
        (request(assistant="es"), ""),
        (request({"assistant": transcriber("de")}), "de"),
        (request({"assistant": transcriber("de")}, assistant=transcriber("es")), "de"),
        (
            request({"assistantOverrides": transcriber("de")}, assistant=transcriber("es")),
            "de",
        ),
        (
            request({"assistantOverrides": transcriber("xx")}, assistant=transcriber("es")),
            "es",
        ),
    ],
)
def test_the_transcriber_that_is_nearest_to_the_call(voice: VoiceRequest, language: str) -> None:
    assert reported_language(voice, {}) == language


def test_a_header_comes_first() -> None:
    voice = request(assistant=transcriber("es"))
    assert reported_language(voice, {"x-language": "de-AT"}) == "de"
    assert reported_language(voice, {"x-language": "{{language}}"}) == "es"


def changed(language: object, call_id: object = "call") -> VoiceRequest:
    message = {"type": "language-change-detected", "language": language, "call": {"id": call_id}}
    return parse_request({"message": message}, {})


def test_a_change_is_remembered_for_its_call_and_clinic() -> None:
    clinic, languages = uuid4(), ChangedLanguages()
    for voice in (changed("de"), changed("tlh"), changed(7), changed("es", None), request()):
        languages.hear(clinic, voice)
    assert languages.of(clinic, "call") == "de"
    assert languages.of(clinic, "another") == languages.of(clinic, None) == ""
    assert languages.of(uuid4(), "call") == ""
    languages.hear(clinic, changed("es"))
    assert languages.of(clinic, "call") == "es"


def test_the_calls_of_long_ago_are_forgotten() -> None:
    clinic, languages = uuid4(), ChangedLanguages()
    for number in range(caller_language.CALLS_MAX + 1):
        languages.hear(clinic, changed("de", f"call-{number}"))
    assert languages.of(clinic, "call-0") == ""
    assert languages.of(clinic, f"call-{caller_language.CALLS_MAX}") == "de"


def test_bodies_of_vapi_report_none() -> None:
    assert reported_language(parse_request(bodies.envelope([]), {}), {}) == ""
