"""The trend of a kind of run in sentences, for the report and the terminal."""

from __future__ import annotations

from datetime import timedelta

from albus_dr.report.phrases import PHRASES
from albus_dr.report.trend import FARTHEST, FEWEST, SHORTEST, Trend
from albus_dr.report.words import ENGLISH, Words

_MONTH_DAYS = 30


def trend_sentence(found: Trend, rto_s: float, words: Words = ENGLISH) -> str:
    """Where the recovery time is going, and when it would cross the objective; or that nothing can be said."""
    rto = words.duration(rto_s)
    if found.finding == "too_few":
        return words.say(
            PHRASES["trend.too_few"], count=words.number(found.runs), needed=words.number(FEWEST),
            days=words.number(SHORTEST / timedelta(days=1)),
        )  # fmt: skip
    if found.slope_s_per_day is None:
        return words.say(PHRASES["trend.level"], count=words.number(found.runs))
    month = words.duration(abs(found.slope_s_per_day) * _MONTH_DAYS)
    values = {"month": month, "count": words.number(found.runs), "rto": rto}
    if found.finding == "slower" and found.crosses_at is not None:
        return words.say(PHRASES["trend.crosses"], **values, day=words.day(found.crosses_at))
    if found.finding == "slower":
        return words.say(PHRASES["trend.far"], **values, years=words.number(FARTHEST / timedelta(days=365)))
    return words.say(PHRASES["trend.beyond" if found.finding == "beyond" else "trend.faster"], **values)


def trend_method(words: Words = ENGLISH) -> str:
    """How the trend is found, for whoever has to believe it."""
    return words.say(PHRASES["trend.method"])
