"""Schema up, down, and what the runner refuses."""
