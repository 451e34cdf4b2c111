import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit import vapi_bodies as bodies
from voxanne.inbound.voice.vapi import (
    INVALID_CLAIM,
    TOOL_CALLS_MAX,
    Answer,
    InvalidBody,
    Shape,
    ToolCall,
    VoiceRequest,
    compact_json,
    parse_request,
    render_results,
)

TOOL = "bookClinicAppointment"
ANSWER = Answer({"success": True, "message": "Booked."})


def parse(body: object, tool_name: str | None = None, **headers: str) -> VoiceRequest:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return parse_request(body, named, tool_name)


def enveloped(**message: Any) -> dict[str, object]:
    return {"message": {"type": "tool-calls", **message}}


def only_call(request: VoiceRequest) -> ToolCall:
    assert len(request.calls) == 1
    return request.calls[0]


def test_a_whole_wire_body_is_read() -> None:
    request = parse(bodies.envelope([bodies.tool_call()]))
    assert request.shape is Shape.ENVELOPE
    assert request.message_type == "tool-calls"
    assert request.calls == (
        ToolCall("call_1", TOOL, {"name": "Ana Ruiz", "scheduledAt": "2026-11-24T10:00"}),
    )
    assert request.line.phone_number_id == bodies.PHONE_NUMBER_ID
    assert request.line.number == bodies.DIALLED
    assert request.line.assistant_id == bodies.ASSISTANT_ID
    assert request.caller == bodies.CALLER
    assert request.call_id == bodies.CALL_ID
    assert request.claimed_organizations == ()
    assert request.sent_at_ms == bodies.SENT_AT_MS


def test_the_published_shape_with_string_arguments_is_the_same_call() -> None:
    wire = bodies.tool_call(arguments={"name": "Ana"})
    published = parse(bodies.envelope([bodies.stringified(wire)]))
    assert published.calls == parse(bodies.envelope([wire])).calls


CALL = {"id": "a", "name": TOOL, "arguments": {"name": "Ana"}}


@pytest.mark.parametrize(
    "message",
    [
        {"toolCallList": [CALL]},
        {"toolCallList": [{"id": "a", "name": TOOL, "parameters": {"name": "Ana"}}]},
        {"toolCalls": [bodies.tool_call("a", arguments={"name": "Ana"})]},
        {"toolCallList": None, "toolCalls": [CALL]},
        {"toolCallList": {"0": CALL}, "toolCalls": [CALL]},
        {"toolCallList": [], "toolCalls": [], "toolWithToolCallList": [{"toolCall": CALL}]},
        {"toolCallList": ["x", 3, None], "toolCalls": [CALL]},
        {
            "toolWithToolCallList": [
                {"name": TOOL, "toolCall": {"id": "a", "parameters": {"name": "Ana"}}}
            ]
        },
        {
            "toolWithToolCallList": [
                {
                    "function": {"name": TOOL, "parameters": {"type": "object"}},
                    "toolCall": {"id": "a", "function": {"parameters": {"name": "Ana"}}},
                }
            ]
        },
        {"toolCallList": [CALL], "toolCalls": [{"id": "ignored", "name": "other"}]},
    ],
)
def test_every_documented_list_form_is_the_same_call(message: dict[str, object]) -> None:
    expected = (ToolCall("a", TOOL, {"name": "Ana"}),)
    assert parse(enveloped(**message)).calls == expected
    flat = parse({"type": "tool-calls", **message}, TOOL)
    assert flat.calls == expected
    assert flat.shape is Shape.ENVELOPE


def test_a_flat_body_without_a_type_is_a_tool_call() -> None:
    request = parse({"toolCallList": [CALL], "call": {"id": "c"}}, TOOL)
    assert (request.shape, request.message_type) == (Shape.ENVELOPE, "tool-calls")
    assert (only_call(request).id, request.call_id) == ("a", "c")


@pytest.mark.parametrize(
    ("arguments", "read"),
    [
        ({"a": 1}, {"a": 1}),
        ('{"a": 1}', {"a": 1}),
        (' {"a": {"b": [2]}} ', {"a": {"b": [2]}}),
        (None, {}),
        ("", {}),
        ("  ", {}),
        ("null", {}),
        ([], None),
        ([1], None),
        (7, None),
        (False, None),
        ('"a"', None),
        ("[1]", None),
        ("12", None),
        ('{"a": NaN}', None),
        ('{"name": "Ana", "scheduledAt": "2026-11-', None),
        ("[" * 100_000, None),
        ('{"a": ' + "9" * 5000 + "}", None),
    ],
)
def test_arguments_are_an_object_or_a_string_that_holds_one(
    arguments: object, read: object
) -> None:
    function = {"name": TOOL, "arguments": arguments}
    assert only_call(parse(enveloped(toolCallList=[{"id": "a", "function": function}]))) == (
        ToolCall("a", TOOL, read)  # type: ignore[arg-type]
    )
    assert only_call(parse(bodies.direct(arguments))).arguments == read
    assert only_call(parse(bodies.function_call(parameters=arguments))).arguments == read


def test_arguments_are_not_copied() -> None:
    arguments: dict[str, object] = {"name": "Ana"}
    assert only_call(parse(bodies.direct(arguments))).arguments is arguments


def test_several_calls_keep_their_order_and_a_repeated_id_counts_once() -> None:
    calls = [bodies.tool_call("b"), bodies.tool_call("a"), bodies.tool_call("b", "other")]
    request = parse(bodies.envelope(calls))
    assert [(call.id, call.name) for call in request.calls] == [("b", TOOL), ("a", TOOL)]


def test_numeric_ids_become_text() -> None:
    request = parse(enveloped(toolCallList=[{"id": 42}, {"id": "42"}, {"id": 0}]))
    assert [call.id for call in request.calls] == ["42", "0"]


@pytest.mark.parametrize(
    "unusable", [None, "", " ", True, [], {}, "x" * 201, "a\nb", "a\x00", "\ud800", 1e300]
)
def test_calls_without_a_usable_id_are_all_kept(unusable: object) -> None:
    listed = [{"id": unusable, "name": "one"}, {"id": unusable, "name": "two"}, {"name": "three"}]
    request = parse(enveloped(toolCallList=listed))
    assert [(call.id, call.name) for call in request.calls] == [
        ("", "one"),
        ("", "two"),
        ("", "three"),
    ]


def test_calls_past_the_limit_are_dropped() -> None:
    request = parse(enveloped(toolCallList=[{"id": n} for n in range(TOOL_CALLS_MAX + 5)]))
    assert [call.id for call in request.calls] == [str(n) for n in range(TOOL_CALLS_MAX)]


def test_the_name_is_the_requests_and_otherwise_the_urls() -> None:
    named = parse(enveloped(toolCallList=[{"id": "a", "name": "book_it"}]), TOOL)
    nameless = parse(enveloped(toolCallList=[{"id": "a", "name": "x" * 201}]), TOOL)
    assert only_call(named).name == "book_it"
    assert only_call(nameless).name == TOOL
    assert only_call(parse(enveloped(toolCallList=[{"id": "a"}]))).name is None


@pytest.mark.parametrize("tool_name", [None, TOOL])
def test_an_empty_list_is_answered_with_an_empty_list(tool_name: str | None) -> None:
    empty: list[dict[str, object]] = [{"toolCallList": []}, {"type": "tool-calls"}]
    for body in (bodies.envelope([]), enveloped(), *empty):
        request = parse(body, tool_name)
        assert (request.message_type, request.calls) == ("tool-calls", ())
        assert render_results(request.shape, []) == {"results": []}


def test_another_message_runs_no_tool() -> None:
    report = {"type": "end-of-call-report", "toolCalls": [CALL], "call": {"id": "c"}}
    for body in ({"message": report}, report):
        request = parse(body)
        assert (request.message_type, request.calls) == ("end-of-call-report", ())
        assert request.call_id == "c"
        assert request.message is report


def test_the_legacy_function_call() -> None:
    wrapped = bodies.function_call(parameters={"name": "Ana"})
    for body in (wrapped, wrapped["message"]):
        request = parse(body, TOOL)
        assert (request.shape, request.message_type) == (Shape.FUNCTION_CALL, "function-call")
        assert request.calls == (ToolCall("", TOOL, {"name": "Ana"}),)
        assert request.caller == bodies.CALLER


@pytest.mark.parametrize("function", [None, "x", []])
def test_an_unreadable_function_call_is_one_unreadable_call(function: object) -> None:
    request = parse({"message": {"type": "function-call", "functionCall": function}}, TOOL)
    assert request.shape is Shape.FUNCTION_CALL
    assert request.calls == (ToolCall("", TOOL, None),)


def test_a_function_call_that_carries_a_tool_list_is_answered_as_a_list() -> None:
    request = parse({"message": {"type": "function-call", "toolCallList": [CALL]}})
    assert request.shape is Shape.ENVELOPE
    assert only_call(request).id == "a"


def test_a_function_call_beside_an_empty_list_is_still_the_call() -> None:
    message = {"type": "function-call", "toolCallList": [], "functionCall": {"name": TOOL}}
    request = parse({"message": message})
    assert (request.shape, only_call(request).name) == (Shape.FUNCTION_CALL, TOOL)


@pytest.mark.parametrize(
    "body",
    [
        bodies.direct({"name": "Ana"}),
        bodies.direct('{"name": "Ana"}'),
        {"toolCallId": "t1", "tool": {"name": TOOL, "arguments": {"name": "Ana"}}},
        {"toolCallId": "t1", "tool": {"function": {"name": TOOL, "arguments": {"name": "Ana"}}}},
        {"toolCallId": "t1", "tool": {"parameters": {"name": "Ana"}}},
        {"toolCallId": "t1", "arguments": {"name": "Ana"}},
        {"tool": {"id": "t1", "arguments": {"name": "Ana"}}},
        {"toolCallId": "t1", "tool": {"arguments": {"name": "Ana"}}, "message": "Please call me"},
    ],
)
def test_the_direct_shape(body: dict[str, object]) -> None:
    request = parse(body, TOOL)
    assert (request.shape, request.message_type) == (Shape.DIRECT, None)
    assert request.calls == (ToolCall("t1", TOOL, {"name": "Ana"}),)


@pytest.mark.parametrize("tool", ["{", [], 5])
def test_a_direct_call_whose_tool_is_no_object_is_unreadable(tool: object) -> None:
    assert parse({"toolCallId": 7, "tool": tool}, TOOL).calls == (ToolCall("7", TOOL, None),)


def test_the_direct_shape_may_say_who_calls_and_for_whom() -> None:
    body = {
        **bodies.direct({}, org_id="north"),
        "org_id": "south",
        "call": {"id": "c", "phoneNumberId": "p"},
        "customer": {"number": bodies.CALLER},
    }
    request = parse(body)
    assert (request.caller, request.call_id) == (bodies.CALLER, "c")
    assert request.line.phone_number_id == "p"
    assert request.claimed_organizations == ("south", "north")


def test_a_bare_body_is_the_arguments_and_headers_say_the_rest() -> None:
    body: dict[str, object] = {"message": "Please ring back", "name": "Ana", "type": "urgent"}
    request = parse(body, "takeMessage", x_caller=bodies.CALLER, x_call_id="c", x_called="+4420")
    assert (request.shape, request.message_type) == (Shape.BARE, None)
    assert request.calls == (ToolCall("", "takeMessage", body),)
    assert (request.caller, request.call_id, request.line.number) == (bodies.CALLER, "c", "+4420")


def test_a_bare_body_cannot_claim_an_identity_through_arguments() -> None:
    body = {"customer": {"number": "+1"}, "call": {"id": "c", "phoneNumberId": "p"}}
    request = parse(body, TOOL)
    assert (request.caller, request.call_id, request.line.phone_number_id) == (None, None, None)


def test_a_bare_body_without_a_tool_has_no_calls() -> None:
    request = parse({"name": "Ana"})
    assert (request.shape, request.message_type, request.calls) == (Shape.BARE, None, ())


@pytest.mark.parametrize("body", [None, [], "x", 1, [{"message": {}}]])
def test_a_body_that_is_no_object_is_refused(body: object) -> None:
    with pytest.raises(InvalidBody):
        parse(body, TOOL)


@pytest.mark.parametrize(
    ("message", "header", "caller"),
    [
        ({"call": {"customer": {"number": "+1"}}, "customer": {"number": "+2"}}, "+3", "+1"),
        ({"call": {"customer": {}}, "customer": {"number": " +2 "}}, "+3", "+2"),
        ({"call": {"from": {"phoneNumber": "+4"}}}, "+3", "+4"),
        ({}, "+3", "+3"),
        ({"customer": {"number": ""}}, "+3", "+3"),
        ({"customer": {"number": 441234}}, "", "441234"),
        ({"customer": {"number": "Anonymous"}}, "+3", None),
        ({"call": {"customer": {"number": "RESTRICTED"}}, "customer": {"number": "+2"}}, "", None),
        ({"customer": {"number": "+266696687"}}, "", None),
        ({"customer": {"sipUri": "sip:ana@example.test"}}, "", None),
        ({"customer": {"number": "sip:ana@example.test"}}, "", None),
        ({"customer": {"number": ["+2"]}, "call": []}, "", None),
        ({}, "{{customer.number}}", None),
        ({}, "x" * 201, None),
    ],
)
def test_the_caller(message: dict[str, object], header: str, caller: str | None) -> None:
    assert parse(enveloped(**message), x_caller=header).caller == caller


@pytest.mark.parametrize(
    "word", ["unknown", "private", "withheld", "unavailable", "undefined", "null"]
)
def test_a_withheld_number_is_no_number(word: str) -> None:
    assert parse({}, TOOL, x_caller=word.title()).caller is None


def test_the_line_is_the_calls_where_two_places_disagree() -> None:
    request = parse(
        enveloped(
            call={"phoneNumberId": "p1", "assistantId": "a1", "id": "c1"},
            phoneNumber={"id": "p2", "number": "+44"},
            assistant={"id": "a2"},
            chat={"id": "chat"},
        ),
        x_called="+1",
        x_call_id="c2",
    )
    line = request.line
    assert (line.phone_number_id, line.number, line.assistant_id) == ("p1", "+44", "a1")
    assert request.call_id == "c1"


def test_a_chat_has_an_id_and_a_web_call_only_an_assistant() -> None:
    request = parse(enveloped(chat={"id": "chat"}, assistant={"id": "a"}))
    line = request.line
    assert (request.call_id, request.caller) == ("chat", None)
    assert (line.phone_number_id, line.number, line.assistant_id) == (None, None, "a")


def test_claims_are_collected_from_every_place_and_vapis_account_is_not_one() -> None:
    body: dict[str, object] = enveloped(
        orgId="vapi",
        metadata={"org_id": "two"},
        call={
            "orgId": "vapi",
            "metadata": {"organization_id": "three"},
            "assistantOverrides": {
                "metadata": {"org_id": "five"},
                "variableValues": {"org_id": "six", "organization_id": "one"},
            },
        },
        assistant={"orgId": "vapi", "metadata": {"org_id": " four "}},
    )
    body["metadata"] = {"org_id": "one", "orgId": "vapi"}
    claims = parse(body, x_org_id="seven").claimed_organizations
    assert claims == ("one", "two", "three", "four", "five", "six", "seven")


@pytest.mark.parametrize("value", [5, True, [], {"a": 1}, "x" * 65, "a\x00b"])
def test_a_claim_that_cannot_be_read_still_counts(value: object) -> None:
    assert parse(bodies.envelope(metadata={"org_id": value})).claimed_organizations == (
        INVALID_CLAIM,
    )


@pytest.mark.parametrize("value", [None, "", "  "])
def test_an_empty_claim_is_none(value: object) -> None:
    assert parse(bodies.envelope(metadata={"org_id": value})).claimed_organizations == ()


@pytest.mark.parametrize(
    ("timestamp", "sent_at_ms"),
    [
        (1777907426083, 1777907426083),
        (1777907426083.7, 1777907426083),
        ("1777907426083", 1777907426083),
        ("2026-05-04T15:10:26.083Z", 1777907426083),
        ("2026-05-04T15:10:26.083", 1777907426083),
        (True, None),
        (-5, None),
        (float("nan"), None),
        (float("inf"), None),
        ("9" * 150, None),
        ("²", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+23:59", None),
        ([], None),
    ],
)
def test_the_time_of_sending(timestamp: object, sent_at_ms: int | None) -> None:
    assert parse(enveloped(timestamp=timestamp)).sent_at_ms == sent_at_ms


def test_an_envelope_is_answered_call_by_call() -> None:
    calls = [bodies.tool_call("b"), bodies.tool_call("a", "nonesuch")]
    request = parse(bodies.envelope(calls))
    refused = Answer({"success": False, "error": "UNKNOWN_TOOL"}, is_error=True)
    assert render_results(request.shape, list(zip(request.calls, [ANSWER, refused], strict=True)))[
        "results"
    ] == [
        {"name": TOOL, "toolCallId": "b", "result": '{"success":true,"message":"Booked."}'},
        {
            "name": "nonesuch",
            "toolCallId": "a",
            "error": '{"success":false,"error":"UNKNOWN_TOOL"}',
        },
    ]


def test_the_other_shapes_are_answered_in_their_own_way() -> None:
    call, payload = ToolCall("t1", TOOL, {}), {"success": True, "message": "Booked."}
    for is_error in (False, True):
        answers = [(call, Answer(payload, is_error))]
        text = '{"success":true,"message":"Booked."}'
        assert render_results(Shape.FUNCTION_CALL, answers) == {"result": text}
        assert render_results(Shape.DIRECT, answers) == {"toolCallId": "t1", "result": payload}
        assert render_results(Shape.BARE, answers) == payload
    assert render_results(Shape.BARE, []) == {}


def test_a_nameless_call_still_gets_a_name_field() -> None:
    rendered = render_results(Shape.ENVELOPE, [(ToolCall("a", None, {}), ANSWER)])
    assert json.loads(json.dumps(rendered))["results"][0]["name"] == ""


def test_a_lone_surrogate_never_reaches_the_encoder() -> None:
    answers = [(ToolCall("a", TOOL, {}), Answer({"message": "a\ud800b", "more": ["\udfff"]}))]
    for shape in Shape:
        body = json.dumps(render_results(shape, answers), ensure_ascii=False).encode()
        assert "a\ufffdb" in body.decode()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KNOWN_KEYS = """
    message type toolCallList toolCalls toolWithToolCallList toolCall functionCall id name function
    arguments parameters toolCallId tool call customer number from phoneNumber phoneNumberId
    assistant assistantId assistantOverrides variableValues metadata org_id organization_id chat
    timestamp
"""
known_keys = st.sampled_from(KNOWN_KEYS.split())
known_texts = st.sampled_from(["tool-calls", "function-call", "{}", "{", "2026-05-04", "x" * 300])
known_bodies = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | known_texts,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(known_keys, inner, min_size=1, max_size=6)
    ),
    max_leaves=40,
)


@given(
    body=json_values | known_bodies,
    tool_name=st.none() | st.just(TOOL),
    headers=st.dictionaries(st.sampled_from(["x-caller", "x-call-id", "x-org-id"]), st.text()),
)
def test_nothing_but_invalid_body_is_ever_raised(
    body: object, tool_name: str | None, headers: dict[str, str]
) -> None:
    try:
        request = parse_request(body, headers, tool_name)
    except InvalidBody:
        assert not isinstance(body, dict)
        return
    named = [call.id for call in request.calls if call.id]
    assert len(named) == len(set(named))
    answers = [(call, ANSWER) for call in request.calls]
    rendered = render_results(request.shape, answers)
    json.dumps(rendered, ensure_ascii=False).encode()
    if request.shape is Shape.ENVELOPE:
        results = rendered["results"]
        assert isinstance(results, list)
        assert [result["toolCallId"] for result in results] == [call.id for call in request.calls]


line_breaks = st.sampled_from("\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
breaking_text = st.text(alphabet=line_breaks | st.characters(exclude_categories=["Cs"]))


@given(
    st.dictionaries(
        breaking_text,
        st.recursive(
            st.none() | st.booleans() | st.integers() | breaking_text,
            lambda inner: st.lists(inner) | st.dictionaries(breaking_text, inner),
            max_leaves=8,
        ),
    )
)
def test_a_result_is_one_line_and_loads_back(payload: dict[str, object]) -> None:
    text = compact_json(payload)
    assert len(text.splitlines()) == 1
    assert json.loads(text) == payload
