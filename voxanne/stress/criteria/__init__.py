"""The four criteria that `validate` proves, one module each: what is tried and what must come."""
