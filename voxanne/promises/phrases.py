"""How an agent says that something is done, in the languages of the product; and how it says
that it isn't, or may be. In the plain letters of `sentences.plain_words`.
"""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    BOOKED = "booked"
    MOVED = "moved"
    CANCELLED = "cancelled"
    MESSAGE = "message"
    WAITLIST = "waitlist"


@dataclass(frozen=True, slots=True)
class Phrase:
    """`weak`: said of other things too, so that a time must be named nearby."""

    kind: Kind
    language: str
    pattern: re.Pattern[str]
    weak: bool = False


_ADV: Final = (
    r"(?: (?:just|now|gone ahead and|went ahead and|already|successfully|also|actually|then|all|"
    r"officially|happily|been able to|managed to))*"
)
_I: Final = rf"\b(?:i|we)(?:'?ve| have)?{_ADV}"
_I_COULD: Final = r"\b(?:i|we) (?:was|were) able to(?: go ahead and)?"
_YOU_ARE: Final = (
    rf"\b(?:you'?re|you are|your|youre|you'?ve been|you have been)(?: (?:both|still))?{_ADV}"
)
_IT_IS: Final = (
    r"\b(?:that'?s|it'?s|that is|it is|that has|it has|everything'?s|everything is|this is)"
    r"(?: (?:now|all|been|just|officially))*"
)
_VISIT: Final = (
    r"(?:appointments?|bookings?|visits?|reservations?|consultations?|cleanings?|check-? ?ups?|"
    r"sessions?|exams?|follow-? ?ups?|times?)"
)
_WHOSE: Final = rf"\b(?:your|his|her|their|the|that|this|\w+'s) (?:[\w'-]+ ){{0,4}}?{_VISIT}"
_IS: Final = (
    r"(?:'s| is| has been|'s been| are| have been)(?: (?:now|all|just|successfully|also|"
    r"officially|been))*"
)
_THEM: Final = r"(?:you|your|it|that|this|the|him|her|his|them|their|both|an|a|everything|us)\b"
_BOOKED: Final = (
    r"(?:booked|scheduled|reserved|confirmed|penciled|pencilled|locked|secured|arranged)"
)
_MOVED: Final = r"(?:moved|rescheduled|changed|shifted|pushed|switched|bumped|brought|swapped)"
_CANCELLED: Final = r"(?:cancelled|canceled)"
_LIST: Final = r"wait(?:ing)?[- ]?list"
_NOT_DETAILS: Final = (
    r"(?! (?:\w+ )?(?:phone|number|email|e-mail|address|details|record|records|file|information|"
    r"insurance|notes|name|account|profile)\b)"
)

_ENGLISH: Final = (
    (Kind.WAITLIST, rf"\b(?:added|put|placed|got|have|added)\b[^.?!]{{0,40}}?\b{_LIST}\b"),
    (Kind.WAITLIST, rf"{_YOU_ARE} on (?:the|our) {_LIST}\b"),
    (
        Kind.MESSAGE,
        (
            rf"{_I} (?:taken|left|passed|sent|noted|forwarded|relayed|given|saved|recorded)\b"
            r"[^.?!]{0,50}?\b(?:message|note)\b"
        ),
    ),
    (
        Kind.MESSAGE,
        (
            r"\b(?:i|we)(?:'?ll| will)(?: \w+){0,2} (?:pass|send|forward|relay|give|"
            r"deliver)\b[^.?!]{0,40}?"
            r"\b(?:message|note|that on|that along|this on|this along|it on|it along)\b"
        ),
    ),
    (
        Kind.MESSAGE,
        (
            r"\byour message (?:is|has been|was|'s been)(?: \w+)? (?:sent|taken|passed|"
            r"recorded|saved)\b"
        ),
    ),
    (Kind.CANCELLED, rf"{_I} (?:{_CANCELLED}|removed) {_THEM}"),
    (Kind.CANCELLED, rf"{_I_COULD} cancel {_THEM}"),
    (Kind.MOVED, rf"{_I_COULD} (?:move|reschedule|change|switch|shift) {_THEM}{_NOT_DETAILS}"),
    (Kind.MOVED, rf"{_WHOSE}(?: is|'s) now (?:on|at|for)\b"),
    (Kind.CANCELLED, rf"{_WHOSE}(?: [^.?!,]{{0,60}}?)??{_IS} {_CANCELLED}\b"),
    (Kind.CANCELLED, rf"{_IT_IS} {_CANCELLED}\b"),
    (Kind.MOVED, rf"{_I} {_MOVED} {_THEM}{_NOT_DETAILS}"),
    (Kind.MOVED, rf"{_WHOSE}(?: [^.?!,]{{0,60}}?)??{_IS} {_MOVED}\b"),
    (Kind.MOVED, rf"{_YOU_ARE} (?:rescheduled|moved|switched)\b"),
    (Kind.MOVED, rf"\byour new (?:{_VISIT}|slot|date)(?: time| date)?(?: is|'s| will be)\b"),
    (Kind.MOVED, rf"{_IT_IS} {_MOVED}\b"),
    (
        Kind.BOOKED,
        (
            rf"{_YOU_ARE} (?:{_BOOKED}|down|signed up|in the (?:books?|calendar|diary|schedule))\b"
            r"(?! (?:appointment|visit|time|slot|date|payment|to|hold))"
        ),
    ),
    (
        Kind.BOOKED,
        (
            rf"{_I}(?: got)? (?:booked|scheduled|arranged|set up|made|secured|placed) {_THEM}"
            r"(?! (?:note|mistake|change|call|message|copy|record|reminder)\b)"
        ),
    ),
    (
        Kind.BOOKED,
        (
            rf"{_I} (?:confirmed|locked|penciled|pencilled|put|got|fit|fitted|squeezed) you "
            r"(?:in|into|down|for|on|at)\b"
        ),
    ),
    (
        Kind.BOOKED,
        rf"{_I} (?:confirmed|reserved) (?:your|the|an|that|this) (?:[\w'-]+ ){{0,3}}?{_VISIT}\b",
    ),
    (Kind.BOOKED, rf"{_I} reserved (?:you|it|that)\b"),
    (
        Kind.BOOKED,
        (
            r"\b(?:i|we)(?:'?ve| have)?(?: got)? (?:you|him|her|them)"
            r"(?: (?:now|all|both|officially))* "
            rf"(?:{_BOOKED}|down|set up|set|in)\b"
        ),
    ),
    (
        Kind.BOOKED,
        (
            rf"{_WHOSE}(?: (?:with|for|on|at) [^.?!,]{{0,60}}?)??{_IS} (?:{_BOOKED}|set|made|"
            rf"in the (?:book|books|diary|calendar))\b"
        ),
    ),
    (Kind.BOOKED, rf"{_IT_IS} {_BOOKED}\b"),
    (Kind.BOOKED, rf"\b(?:that'?s|that is|so) you {_BOOKED}\b"),
    (Kind.BOOKED, rf"{_I} (?:booked|reserved|scheduled) [^.?!,]{{1,60}}? for you\b"),
    (Kind.BOOKED, rf"\byour (?:[\w'-]+ ){{0,3}}?(?:slot|spot|place){_IS} {_BOOKED}\b"),
    (Kind.BOOKED, rf"{_I_COULD} (?:book|schedule|reserve|fit|get) {_THEM}"),
    (
        Kind.BOOKED,
        (
            r"\b(?:booking|appointment) (?:is )?(?:confirmed|complete|completed|successful|"
            r"went through)\b"
        ),
    ),
    (Kind.BOOKED, r"\byou now have (?:an|your) (?:[\w'-]+ ){0,3}?appointment\b"),
    (Kind.BOOKED, r"\b\w+(?: is|'s) (?:now|all|successfully) (?:booked|scheduled|set)\b"),
    (Kind.BOOKED, r"\bconsider it (?:booked|done)\b"),
)
_ENGLISH_WEAK: Final = (
    (
        Kind.BOOKED,
        r"^(?:(?:and|ok|okay|great|perfect|done|all),? )*(?:booked|scheduled) ?(?=[:.,!]|$)",
    ),
    (Kind.BOOKED, rf"{_YOU_ARE} in (?:for|on|at)\b"),
    (
        Kind.BOOKED,
        r"\band (?:then |also |have )*(?:re-?)?(?:booked|scheduled|put) (?:you|him|her|them)\b",
    ),
    (
        Kind.BOOKED,
        (
            rf"{_YOU_ARE} set\b|{_YOU_ARE} (?:good to go|confirmed)\b|^(?:ok |okay |great |"
            rf"perfect )?all set\b"
        ),
    ),
    (
        Kind.BOOKED,
        r"\b(?:we'?ll|we will|i'?ll|will|forward to) see(?:ing)? you\b|^(?:and )?see you\b",
    ),
)

_CITA: Final = (
    r"(?:su|tu|la|esta|esa) (?:nueva |proxima )?(?:cita|visita|reserva|consulta|revision|limpieza)"
)
_YA: Final = r"(?: (?:ya|ahora|todo|toda|completamente|oficialmente))*"
_SER: Final = r"(?:ha quedado|queda|quedo|esta|ha sido|fue|ha estado|se ha)"
_AGENDADA: Final = r"(?:agendad|reservad|confirmad|programad|registrad|apuntad|anotad|hech)[oa]s?"
_CAMBIADA: Final = r"(?:cambiad|movid|reprogramad|trasladad|reagendad|pasad)[oa]s?"
_ANULADA: Final = r"(?:cancelad|anulad)[oa]s?"
_HE: Final = r"\b(?:(?:le|te|se la|la|lo|les) )?(?:he|hemos)(?: (?:podido))?"
_SPANISH: Final = (
    (
        Kind.WAITLIST,
        (
            r"\b(?:puesto|anadido|apuntado|incluido|agregado|puse|anadi|apunte|agregue|esta|"
            r"queda)\b[^.?!]{0,40}?\blista de espera\b"
        ),
    ),
    (
        Kind.MESSAGE,
        (
            r"\b(?:he|hemos) (?:tomado|dejado|anotado|pasado|enviado|"
            r"registrado)\b[^.?!]{0,40}?\b(?:mensaje|recado|nota)\b"
        ),
    ),
    (
        Kind.MESSAGE,
        (
            r"\b(?:le |les )?(?:pasare|dare|enviare|pasaremos|"
            r"transmitire)\b[^.?!]{0,40}?\b(?:mensaje|recado)\b"
        ),
    ),
    (Kind.CANCELLED, rf"{_HE} {_ANULADA}\b|\b(?:cancele|anule) (?:su|tu|la)\b"),
    (Kind.CANCELLED, rf"\b{_CITA}(?: [^.?!,]{{0,60}}?)??{_YA} {_SER}{_YA} {_ANULADA}\b"),
    (Kind.CANCELLED, rf"^(?:listo |claro )?{_SER}{_YA} {_ANULADA}\b"),
    (
        Kind.MOVED,
        (
            rf"{_HE} {_CAMBIADA} (?:su|tu|la|el|a)\b|\b(?:cambie|movi|reprograme|"
            rf"reagende) (?:su|tu|la)\b"
        ),
    ),
    (Kind.MOVED, rf"\b{_CITA}(?: [^.?!,]{{0,60}}?)??{_YA} {_SER}{_YA} {_CAMBIADA}\b"),
    (Kind.MOVED, r"\bsu nueva (?:cita|hora|fecha) (?:es|sera|queda)\b"),
    (
        Kind.BOOKED,
        (
            rf"{_HE} {_AGENDADA}\b|\b(?:le|te|se la|la) (?:agende|reserve|apunte|programe|"
            rf"confirme|anote)\b"
        ),
    ),
    (Kind.BOOKED, rf"\b{_CITA}(?: [^.?!]{{0,90}}?)??{_YA} {_SER}{_YA} {_AGENDADA}\b"),
    (Kind.BOOKED, rf"\b{_SER}{_YA} {_AGENDADA} (?:su|tu|la) cita\b"),
    (Kind.BOOKED, rf"\b(?:usted )?(?:queda|quedo|ha quedado)(?: usted)?{_YA} {_AGENDADA}\b"),
    (Kind.BOOKED, rf"\b(?:usted esta|tiene su cita|tiene la cita){_YA} {_AGENDADA}\b"),
    (Kind.BOOKED, rf"\b{_CITA} esta lista\b"),
    (Kind.BOOKED, r"\bacabo de (?:reservar|agendar|apuntar|programar|confirmar)"),
    (Kind.MOVED, r"\bacabo de (?:cambiar|mover|reprogramar|pasar)"),
    (Kind.CANCELLED, r"\bacabo de (?:cancelar|anular)"),
    (Kind.BOOKED, rf"\bcita {_AGENDADA}\b(?! (?:para (?:que|cuando)))"),
)
_SPANISH_WEAK: Final = ((Kind.BOOKED, r"\b(?:le|la|lo|te|les) esperamos\b|\bnos vemos\b"),)

_TERMIN: Final = (
    r"\b(?:ihr|ihre|ihren|der|den|dein|deinen|das|die) (?:neue[rn]? )?(?:termine?|behandlung|"
    r"untersuchung|zahnreinigung|kontrolle)\b"
)
_GEBUCHT: Final = (
    r"(?:gebucht|eingetragen|reserviert|bestatigt|vereinbart|eingebucht|vorgemerkt|angelegt|"
    r"festgehalten|eingeplant)"
)
_VERSCHOBEN: Final = r"(?:verschoben|verlegt|umgebucht|geandert|umgelegt)"
_ABGESAGT: Final = r"(?:abgesagt|storniert|gestrichen|geloscht)"
_HABE: Final = r"\b(?:habe?(?: ich| wir)?|haben wir|wir haben)\b"
_ANY: Final = r"[^?!]{0,110}?"
_GERMAN: Final = (
    (
        Kind.WAITLIST,
        (
            rf"\bwarteliste\b{_ANY}\b(?:gesetzt|eingetragen|aufgenommen|vorgemerkt)\b|"
            rf"\bsie stehen\b[^?!]{{0,30}}\bwarteliste\b"
        ),
    ),
    (
        Kind.MESSAGE,
        (
            rf"{_HABE}{_ANY}\b(?:nachricht|notiz|anliegen)\b{_ANY}\b(?:notiert|aufgenommen|"
            rf"weitergegeben|hinterlassen|weitergeleitet|aufgeschrieben)\b"
        ),
    ),
    (
        Kind.MESSAGE,
        (
            r"\bich (?:gebe|leite|richte)\b[^?!]{0,40}?\b(?:nachricht|anliegen|das|"
            r"es)\b[^?!]{0,30}?\b(?:weiter|aus)\b"
        ),
    ),
    (Kind.CANCELLED, rf"{_HABE}{_ANY}\b{_ABGESAGT}\b"),
    (
        Kind.CANCELLED,
        (
            rf"{_TERMIN}{_ANY}\b(?:ist|wurde)\b{_ANY}\b{_ABGESAGT}\b|"
            rf"{_TERMIN}{_ANY}\b{_ABGESAGT} (?:ist|wurde)\b"
        ),
    ),
    (Kind.MOVED, rf"{_HABE}{_ANY}\b{_VERSCHOBEN}\b"),
    (Kind.MOVED, rf"{_TERMIN}{_ANY}\b(?:ist|wurde)\b{_ANY}\b{_VERSCHOBEN}\b"),
    (Kind.MOVED, r"\bihr neuer termin ist\b"),
    (Kind.BOOKED, rf"{_HABE}{_ANY}\b{_GEBUCHT}\b"),
    (
        Kind.BOOKED,
        (
            rf"{_TERMIN}{_ANY}\b(?:ist|wurde|steht)\b{_ANY}\b(?:{_GEBUCHT}|fest)\b|"
            rf"{_TERMIN}{_ANY}\b{_GEBUCHT} (?:ist|wurde)\b"
        ),
    ),
    (Kind.BOOKED, rf"\b(?:sind sie|sie sind|du bist|bist du)\b{_ANY}\b(?:{_GEBUCHT}|angemeldet)\b"),
    (Kind.BOOKED, rf"\btermin (?:ist )?{_GEBUCHT}\b"),
)
_GERMAN_WEAK: Final = (
    (Kind.BOOKED, rf"{_TERMIN} steht(?! noch| im| nicht)\b"),
    (Kind.BOOKED, r"\bwir (?:sehen uns|freuen uns auf sie|erwarten sie)\b"),
)

# The first that matches at a place is meant, so what is more special stands first.
PHRASES: Final = tuple(
    Phrase(kind, language, re.compile(pattern), weak)
    for language, groups in (
        ("en", ((_ENGLISH, False), (_ENGLISH_WEAK, True))),
        ("es", ((_SPANISH, False), (_SPANISH_WEAK, True))),
        ("de", ((_GERMAN, False), (_GERMAN_WEAK, True))),
    )
    for group, weak in groups
    for kind, pattern in group
)

# Before the phrase, in its own part of the sentence: then it is no promise.
NOT_DONE: Final = re.compile(
    r"(?:\b(?:not|never|nothing|cannot|unable|before|until|unless|if|once|when|as soon as|after|"
    r"would|could|should|can|may|might|want|wants|wanted|like|need|needs|let'?s|shall|"
    r"whether|trying|"
    r"try|about to|going to|gonna|assume|thought|think|hope|wish|had|were you|did|does|do|who|"
    r"which|was|were|get|getting|have to|sorry,? but)\b|n't\b|'d\b|'ll\b|"
    r"\b(?:no|aun no|todavia no|si|cuando|en cuanto|una vez|podria|puedo|puede|podemos|"
    r"quiere|quisiera|"
    r"desea|gustaria|voy a|vamos a|antes de|hasta|para que|que si|habia)\b|"
    r"\b(?:nicht|kein|keine|keinen|wenn|falls|sobald|erst|bevor|kann|konnte|konnten|konnen|"
    r"mochte|mochten|soll|sollen|sollte|leider|ob|damit|wollen|will|darf|war|hatte|hatten)\b)"
)
# As the part before it, with a comma between.
CONDITION: Final = re.compile(
    r"^(?:and |so |but |ok |okay |then )*(?:if|once|when|as soon as|after|unless|until|provided|"
    r"si \w+ \w+|cuando|en cuanto|una vez|wenn|falls|sobald)\b"
)
CONDITION_AFTER: Final = re.compile(
    r"\b(?:if (?:that|this|it)(?:'s| is| works| sounds| suits)|once you|as soon as you|pending|"
    r"subject to|if you (?:confirm|agree|accept)|provided|si le parece|si esta de acuerdo|"
    r"si le (?:viene|va) bien|wenn (?:ihnen )?das passt|wenn sie (?:zustimmen|einverstanden))\b"
)
INSIDE: Final = re.compile(r"\b(?:nicht|kein|keine|keinen|no|noch nicht|not|never)\b|n't\b")
# A time that is kept for a while is no booking.
HELD: Final = re.compile(
    r"\b(?:while|for (?:a|the next|about|another|up to|\w+) (?:few )?(?:moments?|minutes?|"
    r"seconds?)|"
    r"temporarily|on hold|until you|mientras|unos minutos|solange|fur (?:ein paar|\w+) minuten)\b"
)
# Others' bookings.
TAKEN: Final = re.compile(
    r"\b(?:sorry|unfortunately|fully|solid|somebody|someone|already taken|lamentablemente|"
    r"desafortunadamente|lo siento|leider|booked up|ausgebucht)\b"
)
# What the diary has had before the call.
BEFORE: Final = re.compile(
    r"\b(?:currently|existing|i see|i can see|looks like|look like|shows?|showing|on file|"
    r"previously|originally|at the moment|last time|(?:you'?re|you are|your|it'?s) already|"
    r"veo|actualmente|ya tiene|aparece|segun|ich sehe|aktuell|derzeit|momentan|bereits|bisher)\b"
)
# Asked after what was said of an appointment: which one is meant.
WHICH_ONE: Final = re.compile(
    r"\b(?:move|change|reschedul\w*|cancel\w*|that the one|this the one|the one you|which one|keep|"
    r"the right one|cambiar\w*|cancelar\w*|anular\w*|mover\w*|verschieben|absagen|andern|"
    r"stornieren)\b"
)
# A question's own part at the end of a statement, which stays one.
ASKED_BESIDES: Final = re.compile(
    r"[,;]? ?(?:and |but |so |y |und )?\b(?:is there|are there|was there|anything else|"
    r"what else|how else|can i|could i|"
    r"may i|do you (?:need|have|want|still)|would you like (?:me|a|to|us|any)|will there|"
    r"will that be all|is that all|did you need|shall i send|hay algo|algo mas|"
    r"puedo ayudar|necesita|"
    r"desea (?:algo|que)|le puedo|kann ich|konnen wir|brauchen sie|gibt es|darf ich|haben sie)\b"
)
ASKED_AGREEMENT: Final = re.compile(
    r"[,;]? ?(?:ok|okay|all ?right|alright|vale|de acuerdo|in ordnung|gut)$"
)
ASKS: Final = re.compile(
    r"^(?:and |so |ok |okay |then )*(?:can|could|may|shall|should|would|do|does|did|is|"
    r"are|am|was|were|"
    r"have i|have you|has|will|puedo|quiere|desea|le gustaria|es correcto|soll|kann|darf|mochten|"
    r"haben sie|ist das|passt)\b"
)

# That it didn't happen.
NOT_BOOKED: Final = re.compile(
    r"\b(?:not|nothing|no appointment|never)\b[^.?!]{0,30}\b(?:booked|scheduled|"
    r"gone through|go through|saved|made)\b|"
    r"(?:n't|\bnot able to|\bunable to|\bfailed to|\bcannot)\b[^.?!]{0,30}?\b(?:book|"
    r"schedule|reserve|"
    r"confirm|complete|make|move|reschedule|cancel|change|go through|get (?:you|that|it))\b|"
    r"\bno (?:he|hemos|pude|podemos|puedo|fue posible|ha sido posible|se pudo|queda|"
    r"esta)\b[^.?!]{0,40}?"
    r"\b(?:reserv\w*|agend\w*|confirm\w*|cambi\w*|cancel\w*|anul\w*|mover)\b|"
    r"\b(?:nicht|kein(?:en)? termin)\b[^.?!]{0,40}?\b(?:buchen|gebucht|eintragen|eingetragen|"
    r"bestatig\w*|verschieben|absagen|geklappt|moglich)\b"
)
REFUSED: Final = re.compile(
    r"\b(?:no longer (?:available|free|open)|just (?:been )?(?:taken|booked|gone)|not available|"
    r"isn't available|is taken|been taken|fully booked|booked up|"
    r"already (?:been )?(?:taken|booked)|"
    r"someone else|problem|error|went wrong|having trouble|technical|system (?:is|isn't)|"
    r"ya no esta (?:disponible|libre)|ocupad[oa]|no esta disponible|problema|vergeben|belegt|"
    r"nicht (?:mehr )?(?:frei|verfugbar)|ausgebucht|fehler|problem)\b"
)
WILL_BOOK: Final = re.compile(
    r"\b(?:i'?ll|i will|we'?ll|we will|i'?m going to|let me) (?:now )?(?:go ahead and )?(?:just )?"
    r"(?:book|schedule|put|reserve|get) (?:you|that|it|this|your)\b|\b(?:le|"
    r"te) (?:voy a )?(?:reservo|"
    r"agendo|reservare|agendare|apunto)\b|\bich (?:trage|buche) (?:sie|ihnen|das|den)\b"
)
CORRECTED: Final = re.compile(
    r"\b(?:sorry|actually|i mean|i meant|correction|my mistake|apologies|misspoke|rather|"
    r"let me correct|"
    r"make that|perdon|mejor dicho|quiero decir|disculpe|me he equivocado|entschuldigung|ich meine|"
    r"ich meinte|korrektur|verzeihung|beziehungsweise)\b"
)
# What is said with a time that isn't the appointment's.
OTHER_TIMES: Final = re.compile(
    r"\b(?:open|opens|close|closes|closed|hours|arrive|come (?:in )?(?:early|\w+ minutes)|"
    r"early|before|"
    r"reminders?|text|texts|e-?mail|call|calls|cancel\w*|policy|notice|available|availability|free|"
    r"offer|options?|either|or|lunch|earliest|next (?:opening|available)|abre|abrimos|abiert\w+|"
    r"cierra|cerramos|horario|llegue|llegar|antes|recordatorio|llame|llamar|disponible|geoffnet|"
    r"offnungszeiten|schliessen|fruher|vorher|erinnerung|anrufen|frei|verfugbar|oder)\b"
)
# More than one is booked.
ADDITIONAL: Final = re.compile(
    r"\b(?:also|as well|too|another|second|both|son|daughter|wife|husband|mother|mom|mum|"
    r"father|dad|"
    r"kids?|children|brother|sister|partner|tambien|otra|otro|segund[oa]|ambas|ambos|hij[oa]s?|"
    r"espos[oa]|marido|mujer|auch|zweite[nrs]?|noch eine[n]?|beide|sohn|tochter|frau|mann|kind)\b"
)
DECLINED: Final = re.compile(
    r"\b(?:no thanks|no thank you|never ?mind|not now|i'?ll call back|call back later|i'?ll think|"
    r"don't book|forget it|no gracias|luego llamo|lo pienso|nein danke|rufe (?:spater|wieder) an)\b"
)
AGREED: Final = re.compile(
    r"\b(?:yes|yeah|yep|yup|sure|perfect|please|"
    r"go ahead|ok|okay|great|works|good|fine|correct|right|"
    r"do it|"
    r"lovely|claro|si|vale|perfecto|bien|correcto|adelante|ja|gerne|passt|genau|gut|"
    r"richtig|bitte)\b"
)
REFUSING: Final = re.compile(
    r"^(?:uh |um |oh )*(?:no\b(?! (?:thanks|thank you|that'?s (?:it|all|everything|fine|great)|"
    r"i'?m (?:good|fine|all)|gracias|nothing|problem|worries|not? that'?s|it'?s fine|eso es todo))|"
    r"wait\b|hold on|actually\b|i said\b|not (?:on |at )?\w+day|nein\b(?! danke|,? das)|"
    r"moment\b|espere\b)"
)
