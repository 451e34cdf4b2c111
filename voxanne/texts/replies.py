"""What a patient texted back. Strict: who is not understood is asked, and nothing is guessed.

A message is one word: in any case, with spaces, punctuation or accents, but no second word.
"""

import unicodedata
from dataclasses import dataclass
from typing import Final, Literal

Meaning = Literal[
    "confirm",
    "reschedule",
    "cancel",
    "digit",
    "yes",
    "opt_out",
    "opt_in",
    "help",
    "unknown",
]

# Twilio's own, which it acts on before we hear of them: https://help.twilio.com/articles/223134027
CARRIER_OPT_OUT_WORDS: Final = frozenset(
    {"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"}
    | {"ARRET", "ARRETE", "ARRETT"}
)
# And what Spanish and German patients may take for them.
OPT_OUT_WORDS: Final = CARRIER_OPT_OUT_WORDS | {"STOPP", "ABMELDEN", "PARAR", "ALTO", "BAJA"}
OPT_IN_WORDS: Final = frozenset({"START", "UNSTOP"})
HELP_WORDS: Final = frozenset({"HELP", "INFO"})
# Without accents. CANCELAR is no carrier's word: Spanish patients say it, and mean it.
_ACTIONS: Final[dict[str, Meaning]] = {
    **dict.fromkeys(("C", "CONFIRM", "CONFIRMED"), "confirm"),
    **dict.fromkeys(("CONFIRMO", "CONFIRMAR", "CONFIRMADO", "CONFIRMADA", "SI"), "confirm"),
    **dict.fromkeys(("BESTATIGEN", "BESTATIGT", "BESTAETIGEN", "BESTAETIGT", "JA"), "confirm"),
    **dict.fromkeys(("R", "RESCHEDULE", "CAMBIAR", "REPROGRAMAR"), "reschedule"),
    **dict.fromkeys(("VERSCHIEBEN", "UMBUCHEN"), "reschedule"),
    **dict.fromkeys(("X", "CANCELAR", "ANULAR", "ABSAGEN", "STORNIEREN"), "cancel"),
    "YES": "yes",
}
CHARACTERS_MAX: Final = 40  # of a reply that may be understood


@dataclass(frozen=True, slots=True)
class Reply:
    """`digit` is 1 to 9 and only of a "digit"; `word`, upper case, only of opting and help."""

    meaning: Meaning
    digit: int | None = None
    word: str | None = None


def read_reply(body: str) -> Reply:
    """Never raises, whatever a stranger texts."""
    word = bare_word(body)
    if word in OPT_OUT_WORDS:
        return Reply("opt_out", word=word)
    if word in OPT_IN_WORDS:
        return Reply("opt_in", word=word)
    if word in HELP_WORDS:
        return Reply("help", word=word)
    if len(word) == 1 and word in "123456789":
        return Reply("digit", digit=int(word))
    return Reply(_ACTIONS.get(word, "unknown"))


def bare_word(body: str) -> str:
    """Its letters and digits, upper case and without accents; "" of what is no single word.

    Of two words only "stop all" and "opt out" are one.
    """
    if len(body) > CHARACTERS_MAX:
        return ""
    plain = [_bare(part) for part in body.split()]
    words = [word for word in plain if word]
    if len(words) == 2 and (joined := "".join(words)) in {"STOPALL", "OPTOUT"}:
        return joined
    return words[0] if len(words) == 1 else ""


def _bare(part: str) -> str:
    """Keeps symbols such as emoji: with one a word is none that we know."""
    decomposed = unicodedata.normalize("NFKD", part).upper()
    return "".join(c for c in decomposed if unicodedata.category(c)[0] not in "PMC")
