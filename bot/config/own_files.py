"""The files that the bot writes into FUNGPT_HOME, and how they begin.

The folder may hold anybody's files. One of these names that begins otherwise is somebody else's, so
the bot does not write to it.
"""

import re
from pathlib import Path

from bot.config.logs import LOG_FILES, WORKER_HEAD

LOCK = "bot.lock"
HISTORY = "terminal-history"
LOGS = "logs"
BOT_LOG, WORKER_LOG = f"{LOGS}/bot.log", f"{LOGS}/worker.log"
_LOGGED = rb'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} [A-Z]+ |\{"time": "'
_LOG = re.compile(_LOGGED)
_WORKER_LOG = re.compile(re.escape(WORKER_HEAD.encode()) + b"|" + _LOGGED)
_HISTORY = re.compile(rb"\n# \d{4}-\d\d-\d\d ")
_LONGEST = 200  # bytes of a beginning that are looked at


def _with_rotated(name: str) -> tuple[str, ...]:
    return (name, *(f"{name}.{number + 1}" for number in range(LOG_FILES)))


_OWN = {
    LOCK: re.compile(rb"\d*\n?\Z"),
    **dict.fromkeys((HISTORY, f"{HISTORY}.old"), _HISTORY),
    **dict.fromkeys(_with_rotated(BOT_LOG), _LOG),
    **dict.fromkeys(_with_rotated(WORKER_LOG), _WORKER_LOG),
}


def foreign_file(home: Path) -> Path | None:
    """The first of the bot's files in `home` that the bot did not write; None if there is none.

    An empty file is anybody's. Raises OSError if one of them cannot be read.
    """
    for name, beginning in _OWN.items():
        path = home / name
        if path.is_file():
            with path.open("rb") as file:
                start = file.read(_LONGEST)
            if start and not beginning.match(start):
                return path
    return None
