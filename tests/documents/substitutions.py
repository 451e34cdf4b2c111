"""What a page's command is replaced with before it is run, and what isn't run. No test in here.

Everything else is run as it is written, so keep this short.
"""

import re
from datetime import date, timedelta

from tests.documents.pages import Block

# Too long for a test, or they never end: their arguments are read by the command's own parser and
# nothing is carried out. What they do is shown by tests/acceptance, tests/storm and CI.
PARSED_ONLY = (
    r"voxanne bench\b",
    r"voxanne stress (?=[^\n|&]*--(?:workload|oracle))",
    r"voxanne stress (?=[^\n|&]*--requests \d{3,})",
    r"voxanne demo\b",
    r"voxanne doctor (?=[^\n|&]*--watch)",
    r"voxanne alert test\b",  # tells the outside world
    r"voxanne (?:serve|worker)\b(?=[^\n&]*(?:\n|$))",  # in the foreground
)
PARSED = re.compile("|".join(f"(?:{pattern})" for pattern in PARSED_ONLY))

# (page or "", what stands there, what is run). The stand-ins' addresses are variables of the scene.
REPLACED: tuple[tuple[str, str, str], ...] = (
    ("", "http://127.0.0.1:3001", "$URL"),
    ("", "http://127.0.0.1:9464", "$WORKER_URL"),
    # A calendar server, by a stand-in: Radicale, with a user of its own.
    ("", "--address https://cloud.example.com --user amara", '--address "$CALDAV" --user grey'),
    # It goes on until it is stopped.
    ("", "curl -N ", "timeout 1 curl -sN "),
    ("README.md", "postgresql://owner@db/voxanne", "$DATABASE_URL"),
    # It asks whether it is meant.
    ("docs/how-to/privacy.md", "voxanne erase", "voxanne erase --yes"),
)

# What a reader's own program has before the fragment that a page shows.
PRELUDES = {
    "docs/reference/webhooks.md": """
import datetime, standardwebhooks
secret, body = "whsec_c2VjcmV0LW9mLXRoZS1zY2VuZQ==", b"{}"
now = datetime.datetime.now(datetime.UTC)
signature = standardwebhooks.Webhook(secret).sign("msg_1", now, body.decode())
headers = {"webhook-id": "msg_1", "webhook-signature": signature,
           "webhook-timestamp": str(int(now.timestamp()))}
"""
}

DAY = re.compile(r"(?<!\d)20[2-9]\d-[01]\d-[0-3]\d(?!\d)")


def as_run(block: Block, today: date) -> str:
    """The block's text as the suite runs it. Examples of days are moved by whole weeks to the week
    after next, so that a page is as right in ten years as it is now."""
    text = PARSED.sub(lambda found: "parsed" + found[0].removeprefix("voxanne"), block.text)
    for page, there, instead in REPLACED:
        if page in ("", block.page):
            text = text.replace(there, instead)
    if block.language == "python":
        text = PRELUDES.get(block.page, "") + text
    return move_days(text, today)


def move_days(text: str, today: date) -> str:
    """The same text with the first of its days in the week after next, the others as far from it
    as before."""
    days = sorted(date.fromisoformat(day) for day in DAY.findall(text))
    if not days:
        return text
    weeks = (days[0] - today).days // 7 - 1
    return DAY.sub(lambda day: str(date.fromisoformat(day[0]) - timedelta(weeks=weeks)), text)
