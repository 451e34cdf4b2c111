"""What a change of a configuration is, in words."""


def in_words(value: object) -> str:
    """A value of configure_clinic's changes: `09:00-17:00`, `duration_minutes 30, active False`."""
    if isinstance(value, dict):
        told = {name: said for name, said in value.items() if _is_telling(name, said)}
        return ", ".join(f"{name} {in_words(said)}" for name, said in told.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value is None else str(value)


def _is_telling(name: str, value: object) -> bool:
    """Its name stands before it, and most things are active and have no buffers."""
    return name != "name" and value is not True and (bool(value) or value is False)
