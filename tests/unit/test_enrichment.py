"""What a number and an e-mail address tell by themselves."""

import subprocess
import sys

import phonenumbers
import pytest

from voxanne.booking import enrichment
from voxanne.booking.enrichment import EmailFacts, NumberFacts, email_facts, number_facts


@pytest.mark.parametrize(
    ("e164", "expected"),
    [
        (
            "+442079460958",
            NumberFacts("London, United Kingdom", None, "landline", ("Europe/London",)),
        ),
        (
            "+12125550134",
            NumberFacts(
                "New York, NY, United States", None, "mobile or landline", ("America/New_York",)
            ),
        ),
        ("+4915112345678", NumberFacts("Germany", "T-Mobile", "mobile", ("Europe/Berlin",))),
        (
            "+442087654321",
            NumberFacts("London, United Kingdom", None, "landline", ("Europe/London",)),
        ),
        (
            "+443031237300",
            NumberFacts("United Kingdom", None, "company number", ("Europe/London",)),
        ),
    ],
)
def test_a_number_tells_where_it_is_from(e164: str, expected: NumberFacts) -> None:
    found = number_facts(e164, "en_GB")
    assert (found.region, found.carrier, found.line_type) == (
        expected.region,
        expected.carrier,
        expected.line_type,
    )
    assert set(expected.zones) <= set(found.zones)


@pytest.mark.parametrize(
    ("e164", "line_type"),
    [
        ("+18005550199", "toll-free"),
        ("+448081570192", "toll-free"),
        ("+449098790000", "premium rate"),
        ("+445600123456", "internet (VoIP)"),
        ("+447911123456", "mobile"),
        ("+34612345678", "mobile"),
        ("+493012345678", "landline"),
    ],
)
def test_a_number_tells_its_line(e164: str, line_type: str) -> None:
    assert number_facts(e164).line_type == line_type


def test_words_are_those_of_the_locale() -> None:
    assert number_facts("+498912345678", "de_DE").region == "München, Deutschland"
    assert number_facts("+498912345678", "en_GB").region == "Munich, Germany"
    assert number_facts("+442079460958", "es_ES").region == "London, Reino Unido"


def test_of_a_fictional_number_only_what_is_sure_is_told() -> None:
    """Four countries have +44, and no range tells which."""
    assert number_facts("+447700900123") == NumberFacts()
    assert number_facts("+491") == NumberFacts()


@pytest.mark.parametrize("said", ["", "nonsense", "+", "+999", "+0123456789", "442079460958"])
def test_of_what_is_no_number_nothing_is_told(said: str) -> None:
    assert number_facts(said) == NumberFacts()


AGREE = [
    "+14145550123",
    "+14148051234",
    "+17054971234",
    "+19188351234",
    "+33235691234",
    "+33586751234",
    "+494767123456",
    "+555493304123",
    "+60965012345",
    "+61263758123",
    "+61350371234",
    "+861083412345",
    "+918888123456",
    "+9172412345",
    "+390612345678",
    "+34932123456",
    "+81312345678",
    "+12425551234",
    "+43112345678",
    "+41443123456",
]


def test_areas_are_those_of_the_librarys_own_geocoder() -> None:
    """At the borders of its files too. In a process of its own: it loads a hundred megabytes."""
    script = (
        "import sys, phonenumbers; from phonenumbers import geocoder\n"
        "for e164 in sys.argv[1:]:\n"
        "    number = phonenumbers.parse(e164)\n"
        "    print(geocoder._prefix_description_for_number("
        "geocoder.GEOCODE_DATA, geocoder.GEOCODE_LONGEST_PREFIX, number, 'en'))\n"
        "print(geocoder.GEOCODE_LONGEST_PREFIX)"
    )
    *theirs, longest = subprocess.run(
        [sys.executable, "-c", script, *AGREE], capture_output=True, text=True, check=True
    ).stdout.split("\n")[:-1]
    ours = [enrichment._area(phonenumbers.parse(e164), "en") or "" for e164 in AGREE]
    assert ours == theirs
    assert sum(map(bool, ours)) > len(AGREE) / 2
    assert int(longest) <= enrichment._PREFIX_DIGITS_MAX


def test_neither_commands_nor_calls_load_the_librarys_data() -> None:
    """Neither the API nor the commands begin with it; a number's facts load a part of it."""
    script = (
        "import sys, voxanne.app, voxanne.work, voxanne.cli.root\n"
        "heavy = {'phonenumbers.geodata', 'phonenumbers.carrierdata', 'phonenumbers.geocoder'}\n"
        "print(sorted(heavy & sys.modules.keys()))\n"
        "from voxanne.booking.enrichment import number_facts\n"
        "number_facts('+442079460958')\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split("\n")[:2] == ["[]", "['phonenumbers.carrierdata']"]


def test_a_release_that_has_its_areas_otherwise_costs_the_areas_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(enrichment, "_area_files", lambda: ((), ()))
    number = phonenumbers.parse("+442079460958")
    assert enrichment._area(number, "en") is None
    assert enrichment._country(number, "en_GB") == "United Kingdom"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("maya@gmail.com", "free"),
        ("Maya@GMX.de", "free"),
        ("maya@mailinator.com", "disposable"),
        ("maya@inbox.mailinator.com", "disposable"),
        ("maya@cs.ox.ac.uk", "education"),
        ("maya@mit.edu", "education"),
        ("maya@unimelb.edu.au", "education"),
        ("maya@hmrc.gov.uk", "government"),
        ("maya@gosh.nhs.uk", "government"),
        ("maya@state.gov", "government"),
        ("maya@acme.co.uk", "company"),
        ("maya@notgmail.com", "company"),
        ("maya@education.com", "company"),
        ("maya@bücher.de", "company"),
    ],
)
def test_an_address_tells_whose_its_domain_is(address: str, kind: str) -> None:
    found = email_facts(address)
    assert found == EmailFacts(address.rpartition("@")[2].lower(), found.kind if found else kind)  # type: ignore[arg-type]
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize(
    "address",
    ["", "maya", "@", "maya@", "maya@localhost", "a@example.com", "a@clinic.example", "a@."],
)
def test_examples_and_nonsense_tell_nothing(address: str) -> None:
    assert email_facts(address) is None


def test_no_domain_is_in_two_lists() -> None:
    lists = list(enrichment._email_domains().values())
    assert list(enrichment._email_domains()) == [
        "free",
        "disposable",
        "education",
        "government",
    ]
    assert sum(map(len, lists)) == len(frozenset().union(*lists))
    assert all(
        domain == domain.lower() and "." not in domain[:1] for each in lists for domain in each
    )
