"""The DLQ: records that a stage could not use, what they hold, and what is done about them."""

from starlette.responses import RedirectResponse, Response

from projections.service.console import addresses
from projections.service.console.gate import Page, Visit
from projections.service.console.troubles import Trouble, offered
from projections.service.console.visible import show
from projections.service.ports import DeadLetter, DeadLetters, Ports

PAGE = 30


class DeadLetterPages:
    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def pages(self) -> list[Page]:
        return [
            Page(method="GET", path="/dead-letters", access="viewer", answer=self.index),
            Page(method="GET", path="/dead-letter", access="operator", answer=self.show),
            Page(method="POST", path="/dead-letter/replay", access="operator", answer=self.replay),
            Page(
                method="POST", path="/dead-letter/discard", access="operator", answer=self.discard
            ),
        ]

    @property
    def _letters(self) -> DeadLetters:
        return offered(self._ports.dead_letters, "the DLQ")

    async def index(self, visit: Visit) -> Response:
        partition, offset = visit.number("partition"), visit.number("offset")
        class_ = visit.asked("class")
        before = None if partition is None or offset is None else (partition, offset)
        found = await self._letters.page(PAGE + 1, before, class_ or None)
        older = ""
        if len(found) > PAGE:
            last = found[PAGE - 1]
            older = addresses.address(
                "/dead-letters",
                **{"class": class_, "partition": last.partition, "offset": last.offset},
            )
        return visit.page("dead_letters.html", letters=found[:PAGE], class_=class_, older=older)

    async def show(self, visit: Visit) -> Response:
        """Its bytes may hold personal data, so looking at them is the operators' business."""
        letter = await self._letter(visit.number("partition"), visit.number("offset"))
        key = None if letter.key is None else show(letter.key)
        return visit.page(
            "dead_letter.html", letter=letter, key=key, value=show(letter.value), said=""
        )

    async def replay(self, visit: Visit) -> Response:
        letter = await self._sent(visit)
        said = await self._letters.replay(
            letter.partition, letter.offset, visit.person, visit.reason()
        )
        letter = await self._letter(letter.partition, letter.offset)
        key = None if letter.key is None else show(letter.key)
        return visit.page(
            "dead_letter.html", letter=letter, key=key, value=show(letter.value), said=said
        )

    async def discard(self, visit: Visit) -> Response:
        letter = await self._sent(visit)
        await self._letters.discard(letter.partition, letter.offset, visit.person, visit.reason())
        return RedirectResponse(addresses.dead_letter(letter.partition, letter.offset), 303)

    async def _sent(self, visit: Visit) -> DeadLetter:
        try:
            place = int(visit.field("partition")), int(visit.field("offset"))
        except ValueError as error:
            raise Trouble("That form names no record.", status=422) from error
        return await self._letter(*place)

    async def _letter(self, partition: int | None, offset: int | None) -> DeadLetter:
        letter = None
        if partition is not None and offset is not None:
            letter = await self._letters.show(partition, offset)
        if letter is None:
            raise Trouble("There is no such record in the DLQ.", status=404)
        return letter
