"""How far the poller has walked each site's events: one small file per site, replaced atomically.

Losing a file costs repeated work and nothing else: events that are polled twice become the same
facts. So a file is enough, and the first window after a loss covers what webhooks may have missed.
"""

import os
from pathlib import Path

import msgspec


class PositionUnreadableError(Exception):
    """The file is not what was written."""


class _Position(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    site: str
    watermark: int


class PositionFiles:
    """Watermarks in unix seconds, by site, under one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def load(self, site: str) -> int | None:
        """The watermark, or None where the site was never walked to its end."""
        path = self._path(site)
        try:
            position = msgspec.json.decode(path.read_bytes(), type=_Position)
        except FileNotFoundError:
            return None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise PositionUnreadableError(
                f"{path} is damaged ({error}). Delete it: the poller then starts again from the "
                "days that webhooks may have missed; repeated events are harmless."
            ) from error
        return position.watermark if position.site == site else None

    def save(self, site: str, watermark: int) -> None:
        """Durable when it returns; a crash leaves the old position or the new one, never half."""
        path = self._path(site)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        with draft.open("wb") as file:
            file.write(msgspec.json.encode(_Position(site=site, watermark=watermark)))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)

    def _path(self, site: str) -> Path:
        return self._directory / f"{site}.json"
