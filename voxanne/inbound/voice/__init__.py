"""Voice platforms: their request shapes, the tools they may call, spoken dates and sentences."""
