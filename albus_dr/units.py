"""Durations, distances and sizes as people write them, and back; moments as documents and records hold them."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0, "y": 31_536_000.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|[smhdwy])")
_DISTANCE = re.compile(r"(\d+(?:\.\d+)?)\s*km")
MAX_DURATION_S = 100 * _SECONDS["y"]  # no more than a wait or a date can take
EARTH_RADIUS_KM = 6371.0088  # IUGG mean radius


def parse_duration(text: object) -> float:
    """Seconds in ``4h``, ``1h30m``, ``15m``, ``90s``, ``1y`` (365 days). A bare number has no unit: refused.

    Raises ValueError that says what would be right.
    """
    if isinstance(text, str):
        compact = text.strip()
        parts = _DURATION.findall(compact)
        if parts and _DURATION.sub("", compact).strip() == "":
            seconds = float(sum(float(number) * _SECONDS[unit] for number, unit in parts))
            if seconds > MAX_DURATION_S:
                raise ValueError("a duration needs to be 100 years at most, for example 15m or 1h30m")
            return seconds
    raise ValueError("a duration needs a number and a unit (ms, s, m, h, d, w, y), for example 15m or 1h30m")


def parse_distance_km(text: object) -> float:
    """Kilometres in ``500 km``. Raises ValueError that says what would be right."""
    if isinstance(text, str) and (match := _DISTANCE.fullmatch(text.strip())):
        return float(match[1])
    raise ValueError("a distance needs a number and km, for example 500 km")


def format_duration(seconds: float, *, beside: float | None = None) -> str:
    """``4 h``, ``1 h 30 min``, ``12.3 s``, ``85 ms``: two units at most, for people.

    ``beside``: a limit that it is held against. Where both would read alike and are not, this one is told more exactly:
    ``4 h 0 min 59 s``.
    """
    if seconds < 0:
        return "-" + format_duration(-seconds)
    text = _in_two_units(seconds)
    if beside is None or seconds == beside or text != _in_two_units(beside):
        return text
    for digits in (0, 3, 6):
        exact = _in_all_units(seconds, digits)
        if exact != _in_all_units(beside, digits) and (digits or seconds >= 60):
            return exact
    return text


def _in_all_units(seconds: float, digits: int) -> str:
    """``4 h 0 min 59 s``, ``1 min 0.2 s``, ``12.342 s``: down to seconds of so many digits."""
    rest = round(seconds, digits)
    parts: list[str] = []
    for unit_s, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if rest >= unit_s or parts:
            count, rest = divmod(rest, unit_s)
            parts.append(f"{count:.0f} {unit}")
    shown = f"{rest:.{digits}f}"
    return " ".join([*parts, f"{shown.rstrip('0').rstrip('.') if '.' in shown else shown} s"])


def _in_two_units(seconds: float) -> str:
    if round(seconds * 1000) < 1000:
        return f"{seconds * 1000:.0f} ms"
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit_s, unit, smaller_s, smaller in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= unit_s:
            big, rest = divmod(whole, unit_s)
            small = rest // smaller_s
            return f"{big} {unit} {small} {smaller}" if small else f"{big} {unit}"
    return f"{whole} s"


def rfc3339(at: datetime, timespec: str = "milliseconds") -> str:
    """``2026-03-10T00:47:00.000Z``: in UTC, to the seconds, milliseconds or microseconds. A moment without a zone is UTC."""
    in_utc = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    return in_utc.isoformat(timespec=timespec).replace("+00:00", "Z")


def format_bytes(count: float) -> str:
    """``512 B``, ``1.4 GiB``: binary units."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    return f"{count:.1f} TiB"


def great_circle_km(latitude_a: float, longitude_a: float, latitude_b: float, longitude_b: float) -> float:
    """Distance in kilometres over the surface of a sphere of the mean radius (haversine)."""
    phi_a, phi_b = math.radians(latitude_a), math.radians(latitude_b)
    half_phi = (phi_b - phi_a) / 2
    half_lambda = math.radians(longitude_b - longitude_a) / 2
    h = math.sin(half_phi) ** 2 + math.cos(phi_a) * math.cos(phi_b) * math.sin(half_lambda) ** 2
    return 2 * EARTH_RADIUS_KM * math.asin(math.sqrt(h))
