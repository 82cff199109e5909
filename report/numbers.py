"""Figures as the report prints them. Everything that comes in is a fraction."""

from __future__ import annotations

MINUS = "\u2212"
DASH = "\u2013"
PERCENT = "\u202f%"  # with a space at which no line ends


def percent(value: float | None, digits: int = 1) -> str | None:
    """0.8512 -> `85.1`, None -> None; also for differences, in points."""
    if value is None:
        return None
    text = f"{100 * value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", MINUS)


def span(ci: list[float] | None, digits: int = 1) -> str | None:
    """[0.838, 0.863] -> `83.8–86.3`; with `to` where an end is negative."""
    if ci is None:
        return None
    low, high = (percent(end, digits) for end in ci)
    return f"{low} to {high}" if MINUS in low + high else f"{low}{DASH}{high}"


def with_span(estimate: dict | None) -> str | None:
    """{"value": 0.85, "ci95": [..]} -> `85.1 (83.8–86.3)`."""
    if estimate is None or estimate["value"] is None:
        return None
    return f"{percent(estimate['value'])} ({span(estimate['ci95'])})"


def decimal(value: float | None, digits: int = 2) -> str | None:
    """A plain number with a true minus sign."""
    return None if value is None else f"{value:.{digits}f}".replace("-", MINUS)


def p_value(p: float) -> str:
    """`< 0.001` or three decimals."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def count(value: int) -> str:
    """24026 -> `24,026`."""
    return f"{value:,}"


def listing(words: list[str]) -> str:
    """`a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def kind_name(kind: str) -> str:
    """`n95_valve` -> `N95 valve`."""
    words = kind.split("_")
    return " ".join(word.upper() if word in ("kn95", "n95", "ffp2") else word for word in words)


def plural(number: int, one: str, many: str) -> str:
    """`1 cell`, `3 cells`."""
    return f"{count(number)} {one if number == 1 else many}"


def cell_accuracy(cell: dict) -> str:
    """`87.1 % (85.9\u201388.3)` of a cell that was run."""
    return f"{percent(cell['accuracy'])}{PERCENT} ({span(cell['ci95'])})"
