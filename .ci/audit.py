"""Looks up every pinned dependency's known vulnerabilities (pip-audit, PyPI's own service).

Exit code 1: one is known. Where the service can't be asked, as on a machine that is offline or
behind a mirror of packages alone, it says so loudly and exits 0: a build must not depend on it, and
must not look audited either. VOXANNE_AUDIT_REQUIRED=1 makes that a failure, for a machine that is
known to reach it.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

PINS = Path(__file__).parent.parent / "constraints.txt"
SECONDS_MAX = 120
# Known and looked at: identifier → why it doesn't concern us, and until when that was judged.
ACCEPTED: dict[str, str] = {}


def verdict(report: dict[str, Any]) -> tuple[bool, bool, list[str]]:
    """Of pip-audit's JSON: whether anything is wrong, whether all of it was looked up, and what is
    to be said.
    """
    found, unasked = [], []
    packages = report["dependencies"]
    for package in packages:
        name = package["name"]
        if "skip_reason" in package:
            unasked.append(name)
        for flaw in package.get("vulns", ()):
            if flaw["id"] not in ACCEPTED:
                fixed = ", ".join(flaw.get("fix_versions") or ["no release yet"])
                found.append(f"{name} {package['version']}: {flaw['id']}, fixed in {fixed}")
    asked = len(packages) - len(unasked)
    lines = [f"VULNERABLE  {line}" for line in found]
    if unasked:
        some = "nothing" if not asked else f"{len(unasked)} of {len(packages)} packages not"
        lines.append(f"NOT AUDITED: {some} could be looked up: {', '.join(unasked[:5])} …")
    if asked and not found:
        lines.append(f"No known vulnerability in {asked} packages.")
    return bool(found), not unasked, lines


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--requirement", str(PINS), "--no-deps"]
    command += ["--disable-pip", "--vulnerability-service", "pypi", "--format", "json"]
    command += ["--progress-spinner", "off"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX)
        wrong, complete, lines = verdict(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        wrong, complete, lines = False, False, ["NOT AUDITED: pip-audit gave no answer."]
    for line in lines:
        sys.stderr.write(line + "\n")
    if not complete:
        sys.stderr.write("The dependencies were NOT all looked up. Do so before a release.\n")
    return int(wrong or (not complete and os.environ.get("VOXANNE_AUDIT_REQUIRED") == "1"))


if __name__ == "__main__":
    sys.exit(main())
