"""The clinic's settings, a module per page."""
