"""No secret is committed.

An own scan: detect-secrets' last release is of May 2024, and its baseline would be a second list to
keep. Known forms (of keys, tokens, private keys, passwords in addresses) are looked for in every
tracked file; those that are invented, for tests and examples, say so by what they are made of.
"""

import math
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FORMS = {
    "a private key": r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}",
    "a clinic's key": r"\bvox_[A-Za-z0-9_-]{40,}",
    "a webhook's secret": r"\bwhsec_[A-Za-z0-9+/=]{24,}",
    "a key of Amazon": r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b",
    "a key of Google": r"\bAIza[A-Za-z0-9_-]{35}\b",
    "a client secret of Google": r"\bGOCSPX-[A-Za-z0-9_-]{20,}",
    "a token of Google": r"\bya29\.[A-Za-z0-9_-]{20,}|\b1//0[A-Za-z0-9_-]{30,}",
    "a token of GitHub": r"\bgh[pousr]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{30,}",
    "a token of PyPI": r"\bpypi-[A-Za-z0-9_-]{50,}",
    "a key of OpenAI or Anthropic": r"\bsk-(?:ant-|proj-)?[A-Za-z0-9_-]{20,}",
    "a key of Stripe": r"\b[sr]k_live_[A-Za-z0-9]{16,}",
    "a key of Twilio": r"\b(?:SK|AC)[0-9a-f]{32}\b",
    "a token of Slack": r"\bxox[abprs]-[A-Za-z0-9-]{20,}",
    "a signed token": r"\beyJ[A-Za-z0-9_-]{15,}\.eyJ[A-Za-z0-9_-]{15,}\.[A-Za-z0-9_-]{20,}",
    "a password in an address": r"\b[a-z+]+://[^\s/@:\"'{}$<>()]+:(?P<value>[^\s/@\"'{}$<>()]{6,})@",
    "a Fernet key": r"(?<![A-Za-z0-9_-])[A-Za-z0-9_-]{43}=(?![A-Za-z0-9_=-])",
    "a value of a secret setting": (
        r"(?i)(?:secret|token|password|passwd|api_?key|private_?key)[\"']?\s*[:=]\s*[\"']"
        r"(?P<value>[A-Za-z0-9+/=_-]{24,})[\"']"
    ),
}
SCAN = {kind: re.compile(form) for kind, form in FORMS.items()}
# Below it is what people write: words, `aaaa…`, `a-secret-of-the-deployment`.
ENTROPY_BITS_MIN = 3.4
# Of machines, which say so; file:kind → why it is none.
INVENTED = {
    "tests/acceptance/test_demo.py:a Fernet key": "says 0123456789… in base64",
    "tests/integration/test_worker_process.py:a Fernet key": "says 0123456789… in base64",
    "tests/integration/test_dashboard_settings_messages.py:a key of Twilio": "AC0123456789…",
    "tests/integration/test_dashboard_settings_hooks.py:a password in an address": "hidden-…",
    "tests/unit/test_smtp_url.py:a password in an address": "p@ss:w/rd",
    "tests/documents/substitutions.py:a webhook's secret": "says secret-of-the-scene in base64",
    "voxanne/inbound/v1/webhooks.py:a webhook's secret": "OpenAPI's example, of nobody's webhook",
}
NOT_TEXT = {".png", ".ico", ".woff2", ".gz"}


def entropy_bits(text: str) -> float:
    """Of each character, as a random one would have 6."""
    counted = Counter(text)
    return -sum(n / len(text) * math.log2(n / len(text)) for n in counted.values())


def is_of_words(text: str) -> bool:
    """Lower-case words joined by hyphens or underscores: a name, made up to be read."""
    return re.fullmatch(r"[a-z0-9]{1,14}(?:[-_ ][a-z0-9]{1,14}){2,}", text) is not None


def secrets_in(text: str) -> list[tuple[int, str]]:
    """Line and kind of each."""
    found = []
    for kind, form in SCAN.items():
        for match in form.finditer(text):
            value = match.groupdict().get("value") or match[0]
            if entropy_bits(value) >= ENTROPY_BITS_MIN and not is_of_words(value):
                found.append((text.count("\n", 0, match.start()) + 1, kind))
    return found


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and path.suffix not in NOT_TEXT]


def test_no_tracked_file_holds_a_secret() -> None:
    found = []
    for path in tracked():
        name = str(path.relative_to(ROOT))
        for line, kind in secrets_in(path.read_text(errors="replace")):
            if f"{name}:{kind}" not in INVENTED:
                found.append(f"{name}:{line}: {kind}")
    assert not found, "\n".join(found)


def test_no_file_of_secrets_is_tracked() -> None:
    names = {path.name for path in tracked()}
    assert not {
        name for name in names if re.fullmatch(r"\.env|.*\.(pem|p12|key|kdbx)|id_rsa", name)
    }
    ignored = (ROOT / ".gitignore").read_text().split()
    assert {".env", ".voxanne"} <= {line.strip("/") for line in ignored}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("key = vox_" + "q7Rk2LmZx9Tb4Vc8Nw1Yp6Hd3Gf5Js0aQeUiOzXrBn", "a clinic's key"),
        ("AWS=" + "AKIA" + "Q7RK2LMZX9TB4VC8", "a key of Amazon"),
        ("postgresql://voxanne:" + "hT5-kw9zQ2pV@db.internal/voxanne", "a password in an address"),
        ("GOCSPX-" + "k3J9xQ7mT2vR8wZ5bN1cL6", "a client secret of Google"),
        ("VOXANNE_JWT_SECRET='" + "Zk93hGqT7vXw2LmB8cRdN4pYs6'", "a value of a secret setting"),
        (
            "-----BEGIN PRIVATE " + "KEY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSj",
            "a private key",
        ),
        ("K = '" + "q7Rk2LmZx9Tb4Vc8Nw1Y" + "p6Hd3Gf5Js0aQeUiOzXrBn1='", "a Fernet key"),
    ],
)
def test_the_scan_finds(text: str, kind: str) -> None:
    """Put together here, so that this file holds none."""
    assert kind in [found for _, found in secrets_in(text)]


@pytest.mark.parametrize(
    "text",
    [
        "smtp://user:password@host:587",
        "token = 'a-token-nobody-may-read-in-any-log'",
        'secret="aaaaaaaaaaaaaaaaaaaaaaaaaaaa"',
        "AC" + "1" * 32,
    ],
)
def test_what_is_made_up_is_left_alone(text: str) -> None:
    assert not secrets_in(text)
