"""The book of programs: what is published, in words, compared, checked and published anew."""

import asyncio
from collections.abc import Callable

from deploy import publish as publishing
from deploy.cluster import bootstrap_servers, topics_of
from deploy.known_programs import KnownPrograms
from deploy.publish import PublishFailedError
from deploy.service.drafts import read_draft
from deploy.settings import Settings
from projections.service.ports import DecisionRefused
from schemas.program.diff import Change, diff
from schemas.program.model import Program
from schemas.program.text import to_yaml
from schemas.program.words import describe

KNOWN_LOOKS_MAX = 100
LOOK_EVERY_SECONDS = 0.05


class PublishedPrograms:
    """The port `ProgramBook`, over the programs topic as it is followed."""

    def __init__(self, settings: Settings, known: KnownPrograms, clock: Callable[[], int]) -> None:
        self._settings = settings
        self._known = known
        self._clock = clock

    async def versions(self, site: str) -> list[Program]:
        return [each for each in self._known.programs() if each.site == site]

    async def words(self, program: Program) -> list[str]:
        return [sentence for _, _, sentence in describe(program)]

    async def diff(self, before: Program, after: Program) -> list[str]:
        found = diff(before, after)
        return [*map(_change, found.changes), *found.effects]

    async def text(self, program: Program) -> str:
        return to_yaml(program)

    async def check(self, yaml_text: str, site: str) -> Program:
        return read_draft(yaml_text, site)

    async def publish(self, yaml_text: str, site: str, by: str) -> Program:
        """Who publishes is for the caller to write down: a program holds no names."""
        del by
        draft = await self.check(yaml_text, site)
        settings = self._settings
        try:
            done = await publishing.publish(
                bootstrap_servers(settings), topics_of(settings), draft, self._clock()
            )
        except PublishFailedError as error:
            raise DecisionRefused(str(error)) from error
        await self._becomes_known(done.program)
        return done.program

    async def _becomes_known(self, program: Program) -> None:
        """Who published goes on to look at it; what is not seen in time is published even so."""
        for _ in range(KNOWN_LOOKS_MAX):
            if program in self._known.programs():
                return
            await asyncio.sleep(LOOK_EVERY_SECONDS)


def _change(change: Change) -> str:
    name = " ".join(part for part in (change.part, change.id) if part)
    match change.kind:
        case "added":
            return f"{name} is new: {change.after}"
        case "removed":
            return f"{name} is gone: {change.before}"
        case _:
            return f"{name} was: {change.before or 'nothing'}; it is: {change.after or 'nothing'}"
