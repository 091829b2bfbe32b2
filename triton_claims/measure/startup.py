"""What a server's own log says of how long its models took to load."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

# I1124 22:00:00.123456 4711 model_lifecycle.cc:472] "loading: name:1"
# I1124 22:00:00.234567 4711 model_lifecycle.cc:839] "successfully loaded 'name'"
_LINE = re.compile(
    r"^[IWE](?P<month>\d\d)(?P<day>\d\d) (?P<time>\d\d:\d\d:\d\d\.\d{6}) [^\n]*\] \"?"
    r"(?:loading: (?P<begun>[^\n]+?):\d+|successfully loaded '(?P<ended>[^'\n]+)')",
    re.MULTILINE,
)


def load_seconds(log: str) -> dict[str, float]:
    """Seconds from the line that begins a model's load to the one that says it is loaded.

    Args:
        log: The server's log.

    Returns:
        By model, in the order in which they were loaded. Models whose load did not end, and all
        of a log without times, are left out.
    """
    begun: dict[str, datetime] = {}
    taken: dict[str, float] = {}
    for line in _LINE.finditer(log):
        # The log has no year; a leap year lets the 29th of February be read.
        when = datetime.strptime(  # noqa: DTZ007 - only differences count
            f"2024-{line['month']}-{line['day']} {line['time']}", "%Y-%m-%d %H:%M:%S.%f"
        )
        if line["begun"]:
            begun[line["begun"]] = when
        elif line["ended"] in begun:
            seconds = when - begun.pop(line["ended"])
            if seconds < timedelta(0):  # over the turn of the year
                seconds += timedelta(days=366)
            taken[line["ended"]] = seconds.total_seconds()
    return taken
