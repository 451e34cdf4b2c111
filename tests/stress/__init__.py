"""The oracle: it finds what was planted, and nothing where there is nothing."""
