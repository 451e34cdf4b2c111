"""The command line: one file per group of commands. Reads arguments, prints, decides nothing."""
