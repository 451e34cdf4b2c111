"""`validate`, `stress`, `bench`: proof on demand."""
