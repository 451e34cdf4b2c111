"""The command line: one file per group of commands. Reads arguments, prints, decides nothing."""

from voxanne.cli.root import main

__all__ = ["main"]
