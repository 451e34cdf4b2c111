"""The program: importing a group of commands registers it on `cli`."""

from voxanne.cli import database, proof, serving, tenants
from voxanne.cli.root import cli

__all__ = ["cli", "database", "main", "proof", "serving", "tenants"]


def main() -> None:
    cli()
