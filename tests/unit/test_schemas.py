"""What a model is told of the tools and of its task: complete, short, as the contract has it."""

import re

import pytest
from jsonschema import Draft202012Validator

from voxanne.inbound.voice.prompt import PROMPT, VARIABLES, fill_prompt
from voxanne.inbound.voice.schemas import TOOL_NAMES, TOOL_SCHEMAS, ToolSchema
from voxanne.inbound.voice.tools import TOOLS

TIME = {"scheduledAt", "appointmentDate", "appointmentTime"}
# The contract's table: required arguments, then all.
ARGUMENTS: dict[str, tuple[set[str], set[str]]] = {
    "bookClinicAppointment": (
        {"name"},
        {"name", "phone", "email", "serviceType", "practitioner", "weekday"}
        | {"durationMinutes", "holdId", "notes"}
        | TIME,
    ),
    "checkAvailability": (
        set(),
        {"serviceType", "date", "dateTo", "timeOfDay", "practitioner", "durationMinutes"},
    ),
    "holdSlot": (set(), {"serviceType", "practitioner"} | TIME),
    "rescheduleAppointment": (
        set(),
        {"appointmentId", "practitioner", "weekday", "name", "birthDate"} | TIME,
    ),
    "cancelAppointment": (set(), {"appointmentId", "reason", "name", "birthDate"}),
    "lookupCaller": (set(), {"name", "birthDate"}),
    "getClinicInfo": (set(), {"topic"}),
    "takeMessage": ({"message"}, {"message", "name", "callbackNumber", "urgency"}),
    "joinWaitlist": (
        set(),
        {"serviceType", "practitioner", "dateFrom", "dateTo", "timeOfDay", "name"},
    ),
    "transferCall": (set(), {"reason"}),
}
EACH = pytest.mark.parametrize("schema", TOOL_SCHEMAS, ids=lambda schema: schema.name)


def test_the_contracts_tools_are_described_once_each() -> None:
    assert [schema.name for schema in TOOL_SCHEMAS] == list(ARGUMENTS)
    assert TOOLS.keys() == TOOL_NAMES


@EACH
def test_the_arguments_are_the_contracts(schema: ToolSchema) -> None:
    required, properties = ARGUMENTS[schema.name]
    Draft202012Validator.check_schema(schema.parameters)
    described = schema.parameters["properties"]
    assert isinstance(described, dict)
    assert described.keys() == properties
    assert set(schema.parameters.get("required", [])) == required  # type: ignore[call-overload]
    assert schema.parameters["additionalProperties"] is False


@EACH
def test_a_voice_model_and_the_platform_can_take_it(schema: ToolSchema) -> None:
    assert re.fullmatch(r"[a-zA-Z0-9_-]{1,40}", schema.name)
    assert 20 < len(schema.description) < 300
    described = schema.parameters["properties"]
    assert isinstance(described, dict)
    for name, argument in described.items():
        assert argument["type"] in ("string", "integer"), name
        assert 5 < len(argument["description"]) < 120, name
        assert argument.keys() <= {"type", "description", "enum", "minimum", "maximum"}, name


def test_the_prompt_uses_each_variable_and_no_other() -> None:
    assert set(re.findall(r"\{\{(\w+)\}\}", PROMPT)) == VARIABLES
    assert "{" not in fill_prompt(dict.fromkeys(VARIABLES, "x"), {})
    with pytest.raises(KeyError):
        fill_prompt({}, {})


def test_the_prompt_names_tools_that_exist() -> None:
    named = set(re.findall(r"\b[a-z]+[A-Z]\w+", PROMPT)) - VARIABLES - {"holdId"}
    assert named <= TOOL_NAMES
    assert named >= {"checkAvailability", "holdSlot", "bookClinicAppointment", "takeMessage"}


def test_emergencies_come_before_anything_the_agent_does() -> None:
    assert PROMPT.index("# Emergencies first") == PROMPT.index("# ")


def test_a_clinics_own_words_are_no_template() -> None:
    """The platform would work out `{{…}}` in a name; only the day's expression may be one."""
    values = dict.fromkeys(VARIABLES - {"today"}, "{{phoneNumber.id}} {% raw %}")
    filled = fill_prompt(values, live={"today": '{{"now" | date: "%d"}}'})
    assert re.findall(r"\{[{%].*?\}", filled) == ['{{"now" | date: "%d"}']
