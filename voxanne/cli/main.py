"""The program. Its commands are loaded as they are called, see COMMANDS in root.py."""

from voxanne.cli.root import cli


def main() -> None:
    cli()
