"""Red flags: what must be noticed, what must not, and whom to call."""

import pytest
from phonenumbers import shortnumberinfo

from voxanne.inbound.voice import emergencies
from voxanne.inbound.voice.emergencies import (
    DEFAULT_NUMBER,
    emergency_number,
    find_red_flag,
    speak_emergency,
)
from voxanne.inbound.voice.red_flags import FLAGS
from voxanne.language.catalogue import LANGUAGES


@pytest.mark.parametrize(
    ("text", "flag"),
    [
        ("chest pain", "chest pain"),
        ("I have a really bad pain in my chest", "chest pain"),
        ("My chest is hurting and my arm tingles", "chest pain"),
        ("CHEST PRESSURE since an hour", "chest pain"),
        ("it feels like an elephant is sitting on my chest", "chest pain"),
        ("I think he's having a heart attack", "heart attack"),
        ("I can't breathe", "trouble breathing"),
        ("I can’t really breathe", "trouble breathing"),
        ("she cannot catch her breath", "trouble breathing"),
        ("he is not breathing", "trouble breathing"),
        ("difficulty breathing since this morning", "trouble breathing"),
        ("shortness of breath", "trouble breathing"),
        ("my son is choking", "trouble breathing"),
        ("possible stroke", "stroke"),
        ("half of her face is drooping", "stroke"),
        ("his speech is slurred", "stroke"),
        ("Sudden numbness on the left", "stroke"),
        ("I can't move my left arm", "stroke"),
        ("the bleeding won't stop", "severe bleeding"),
        ("I can't stop the bleeding", "severe bleeding"),
        ("bleeding heavily after the extraction", "severe bleeding"),
        ("coughing up blood", "severe bleeding"),
        ("my husband collapsed", "unconscious"),
        ("he is unconscious", "unconscious"),
        ("she passed out", "unconscious"),
        ("grandma won't wake up", "unconscious"),
        ("took too many pills", "overdose"),
        ("an overdose of paracetamol", "overdose"),
        ("the toddler swallowed some bleach", "poisoning"),
        ("I'm feeling suicidal", "suicidal"),
        ("I want to kill myself", "suicidal"),
        ("I just don't want to live anymore", "suicidal"),
        ("anaphylactic shock", "severe allergic reaction"),
        ("his throat is closing up", "severe allergic reaction"),
        ("tongue is swollen after peanuts", "severe allergic reaction"),
        ("she is having a seizure", "seizure"),
        ("convulsions for five minutes", "seizure"),
        ("he has been stabbed", "serious injury"),
        ("the worst headache of my life", "worst headache"),
        ("my waters broke", "emergency in pregnancy"),
        ("please send an ambulance", "life in danger"),
        ("my baby has turned blue", "trouble breathing"),
        ("tight chest, breathing is difficult", "chest pain"),
        ("no feeling in her left arm", "stroke"),
        ("cut his wrists, there's blood everywhere", "severe bleeding"),
        ("I took 30 paracetamol", "overdose"),
        ("I want to end it all", "suicidal"),
        ("bee sting, my tongue's swelling up", "severe allergic reaction"),
        ("she hit her head and keeps vomiting", "serious injury"),
        ("contractions every two minutes", "emergency in pregnancy"),
        # Beside a negation, a history or a joke there's still a red flag.
        ("no fever, chest pain", "chest pain"),
        ("no fever but chest pain", "chest pain"),
        ("no idea why I have chest pain", "chest pain"),
        ("I've never had chest pain like this", "chest pain"),
        ("not sure if it's a stroke", "stroke"),
        ("no chest pain, but I can't breathe", "trouble breathing"),
        ("had a stroke two years ago and now my speech is slurred", "stroke"),
        ("stroke ten minutes ago", "stroke"),
        ("Seizure last year, and again today", "seizure"),
    ],
)
def test_red_flag(text: str, flag: str) -> None:
    assert find_red_flag([text], None, "en") == flag


@pytest.mark.parametrize(
    "text",
    [
        "",
        "check-up and cleaning",
        "my toothbrush bleeds red ink",
        "my gums bleed when I brush",
        "the heart of the matter is my schedule",
        "by a stroke of luck I found your number",
        "I hurt my shoulder swimming breast-stroke",
        "stroke rehabilitation, third session",
        "follow-up after a stroke",
        "no chest pain",
        "No chest pain or shortness of breath.",
        "denies chest pain",
        "she doesn't have any chest pain",
        "without difficulty breathing",
        "there is no sign of a stroke",
        "it's not a heart attack",
        "Chest pain: no",
        "chest x-ray, then back pain",
        "a chest of drawers fell on my foot, no pain",
        "chest infection follow-up",
        "history of seizures",
        "had a stroke in 2019",
        "heart attack three years ago",
        "seizure medication refill",
        "the bill nearly gave me a heart attack",
        "blood test and blood pressure",
        "I lost my blood test results",
        "food made me sick, no vomiting",
        "denture fitting",
        "I'm dying to get whiter teeth",
        "breathing exercises class",
        "can't breathe through my nose, hay fever",
        "the tooth is not responding to treatment",
        "I can't wake up early, so the afternoon please",
        "flu shot",
        "unconscious bias training at work",
        "her speech is not slurred",
        "chest doesn't hurt anymore",
        "suicide prevention training certificate",
        "killing time before my appointment",
        "drowning in paperwork",
        "mein Geburtstagsgift",
        "my father died of a heart attack",
        "my mother had a stroke when she was 60",
        "chest press at the gym hurt my shoulder",
        "swollen ankle, and a face mask please",
        "drooping eyelid, asks about surgery",
        "no allergies, no seizures, no chest pain",
        "I'd die for an earlier appointment",
    ],
)
def test_no_red_flag(text: str) -> None:
    assert find_red_flag([text], None, "en") is None


@pytest.mark.parametrize(
    ("language", "text", "flag"),
    [
        ("es", "tengo un dolor muy fuerte en el pecho", "dolor en el pecho"),
        ("es", "me duele mucho el pecho", "dolor en el pecho"),
        ("es", "no puedo respirar", "dificultad para respirar"),
        ("es", "NO PUEDO RESPIRAR BIEN", "dificultad para respirar"),
        ("es", "a mi madre le ha dado un infarto", "infarto"),
        ("es", "tiene la cara torcida y no puede hablar", "derrame cerebral"),
        ("es", "la herida no para de sangrar", "hemorragia"),
        ("es", "mi hijo está inconsciente", "inconsciente"),
        ("es", "se ha desmayado", "inconsciente"),
        ("es", "una sobredosis", "sobredosis"),
        ("es", "quiero morirme", "ideas suicidas"),
        ("es", "reacción alérgica grave", "reacción alérgica grave"),
        ("es", "reaccion alergica grave", "reacción alérgica grave"),
        ("es", "se le hincha la lengua", "reacción alérgica grave"),
        ("es", "está teniendo convulsiones", "convulsiones"),
        ("es", "chest pain", "chest pain"),
        ("de", "starke Schmerzen in der Brust", "Brustschmerzen"),
        ("de", "Brustschmerzen seit heute früh", "Brustschmerzen"),
        ("de", "ich bekomme keine Luft", "Atemnot"),
        ("de", "er kann nicht mehr atmen", "Atemnot"),
        ("de", "Verdacht auf Herzinfarkt", "Herzinfarkt"),
        ("de", "ihr Mundwinkel hängt", "Schlaganfall"),
        ("de", "ihr Mundwinkel haengt", "Schlaganfall"),
        ("de", "die Wunde hört nicht auf zu bluten", "starke Blutung"),
        ("de", "mein Mann ist bewusstlos", "bewusstlos"),
        ("de", "sie ist nicht ansprechbar", "bewusstlos"),
        ("de", "Überdosis Tabletten", "Überdosis"),
        ("de", "UEBERDOSIS", "Überdosis"),
        ("de", "ich will nicht mehr leben", "Suizidgedanken"),
        ("de", "die Zunge ist stark geschwollen", "schwere allergische Reaktion"),
        ("de", "er hat einen Krampfanfall", "Krampfanfall"),
        ("de", "kein Fieber, aber Atemnot", "Atemnot"),
        ("de", "heart attack", "heart attack"),
    ],
)
def test_red_flag_in_other_languages(language: str, text: str, flag: str) -> None:
    assert find_red_flag([text], None, language) == flag


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "limpieza dental"),
        ("es", "dolor de muelas"),
        ("es", "sin dolor en el pecho"),
        ("es", "no tiene dolor en el pecho ni dificultad para respirar"),
        ("es", "niega dolor en el pecho"),
        ("es", "sangran las encías al cepillarse"),
        ("es", "antecedentes de infarto"),
        ("es", "un infarto hace tres años"),
        ("es", "me muero de ganas de verlos"),
        ("es", "un golpe de suerte"),
        ("es", "dolor en la espalda, radiografía de pecho"),
        ("es", "el diente no responde al tratamiento"),
        ("de", "Zahnreinigung"),
        ("de", "Zahnfleisch blutet beim Putzen"),
        ("de", "keine Brustschmerzen"),
        ("de", "keine Schmerzen in der Brust oder Atemnot"),
        ("de", "kein Verdacht auf Herzinfarkt"),
        ("de", "ohne Atemnot"),
        ("de", "Schlaganfall vor zwei Jahren"),
        ("de", "Nachsorge nach Herzinfarkt"),
        ("de", "ich ersticke in Arbeit, bitte spät am Abend"),
        ("de", "ein Schlag ins Wasser"),
        ("de", "Geschenk und Mitgift"),
        ("de", "der Zahn reagiert nicht auf Kälte"),
    ],
)
def test_no_red_flag_in_other_languages(language: str, text: str) -> None:
    assert find_red_flag([text], None, language) is None


def test_each_text_counts_and_an_unknown_language_is_english() -> None:
    assert find_red_flag(["", "a filling", "chest pain"], None, "fr") == "chest pain"
    assert find_red_flag(["chest", "pain"], None, "en") is None
    assert find_red_flag([], None, "en") is None


def test_a_clinics_own_list_replaces_or_adds() -> None:
    own, more = ["waters broke", "severe toothache"], ["+broken retainer*"]
    assert find_red_flag(["My WATERS broke!"], own, "en") == "waters broke"
    assert find_red_flag(["chest pain"], own, "en") is None
    assert find_red_flag(["my broken retainers"], more, "en") == "broken retainer*"
    assert find_red_flag(["chest pain"], more, "en") == "chest pain"
    assert find_red_flag(["chest pain"], [], "en") is None
    assert find_red_flag(["no severe toothache"], own, "en") is None


@pytest.mark.parametrize("entry", ["", "+", "  ", "*", "+ *", "...", "~", "(", "[a-", "\\"])
def test_an_entry_without_words_matches_nothing(entry: str) -> None:
    assert find_red_flag(["whatever is said, all of it"], [entry], "en") is None


def test_an_entry_is_words_and_no_pattern() -> None:
    assert find_red_flag(["can't chew (at all)"], ["can't chew"], "en") == "can't chew"
    assert find_red_flag(["aaa"], ["a+"], "en") is None
    assert find_red_flag(["Zahn ausgeschlagen"], ["zahn AUSGESCHLAGEN"], "de") is not None


def test_every_language_has_its_list_of_entries_that_can_match() -> None:
    assert set(FLAGS) == set(LANGUAGES)
    for language, flags in FLAGS.items():
        assert len(flags.phrases) >= 14
        for name, phrases in flags.phrases.items():
            for phrase in phrases:
                said = " ".join(
                    word.split("|")[0].rstrip("*") for word in phrase.split() if word != "~"
                )
                assert find_red_flag([said], None, language) is not None, (name, said)


def test_a_long_text_is_read_to_its_end() -> None:
    assert find_red_flag(["my chest " * 20_000 + "pain"], None, "en") == "chest pain"
    assert find_red_flag(["no " * 50_000], None, "en") is None


@pytest.mark.parametrize(
    ("country", "zone", "number"),
    [
        ("GB", "Europe/London", "999"),
        ("uk", "America/New_York", "999"),
        ("US", "Europe/London", "911"),
        ("CA", "America/Toronto", "911"),
        ("MX", "America/Mexico_City", "911"),
        ("DE", "Europe/Berlin", "112"),
        ("ES", "Europe/Madrid", "112"),
        ("IE", "Europe/Dublin", "112"),
        ("AU", "Australia/Sydney", "000"),
        ("NZ", "Pacific/Auckland", "111"),
        ("CN", "Asia/Shanghai", "120"),
        ("BR", "America/Sao_Paulo", "192"),
        (None, "America/New_York", "911"),
        (None, "Australia/Lord_Howe", "000"),
        (None, "US/Eastern", "911"),
        (None, "UTC", DEFAULT_NUMBER),
        (None, "no such zone", DEFAULT_NUMBER),
        ("AQ", "Antarctica/McMurdo", DEFAULT_NUMBER),
    ],
)
def test_emergency_number(country: str | None, zone: str, number: str) -> None:
    assert emergency_number(country, zone) == number


def test_each_number_is_an_emergency_number_of_its_country() -> None:
    numbers = emergencies._NUMBERS
    assert len(numbers) > 180
    assert len(numbers) == sum(len(it.split()) for it in emergencies._COUNTRIES_BY_NUMBER.values())
    wrong = {
        country: number
        for country, number in numbers.items()
        if not shortnumberinfo.is_emergency_number(number, country)
    }
    assert wrong == {}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("can_transfer", [True, False])
def test_the_number_is_said_digit_by_digit(language: str, can_transfer: bool) -> None:
    assert "1 1 2" in speak_emergency(language, "112", can_transfer)


def test_emergency_sentences() -> None:
    assert speak_emergency("en", "999", False) == (
        "This may be an emergency. Please hang up and call 9 9 9 now."
    )
    assert speak_emergency("en", "911", True) == (
        "This may be an emergency. If a life is in danger, hang up and call 9 1 1 now. "
        "Otherwise stay on the line: I'm putting you through."
    )
