"""What `voxanne serve` leaves for later: the price of its start."""

import subprocess
import sys

LATER = ("mcp", "holidays")


def test_what_few_ask_for_is_not_loaded() -> None:
    code = (
        "import sys, voxanne.cli.serving; "
        f"sys.exit(', '.join(name for name in {LATER} if name in sys.modules) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
