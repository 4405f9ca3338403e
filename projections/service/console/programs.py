"""Programs: their rules in words, their versions, and a new one tried before it is published."""

from collections.abc import Sequence

from starlette.responses import RedirectResponse, Response

from projections.access.database import access
from projections.access.decisions import Decision, record_decision
from projections.service.console import addresses
from projections.service.console.gate import Page, Visit
from projections.service.console.troubles import Trouble, offered
from projections.service.ports import DraftProblem, DraftRefused, Ports, ProgramBook
from schemas.program.diff import diff
from schemas.program.model import Program
from schemas.program.words import describe

PARTS = {
    "retired": "Retired",
    "earn": "What earns",
    "multiplier": "What multiplies",
    "tier": "Tiers",
    "reward": "Rewards",
    "expiry": "Expiry",
}


class Programs:
    def __init__(self, ports: Ports) -> None:
        self._ports = ports

    def pages(self) -> list[Page]:
        return [
            Page(method="GET", path="/programs", access="viewer", answer=self.index),
            Page(method="GET", path="/program", access="viewer", answer=self.show),
            Page(method="GET", path="/program/draft", access="operator", answer=self.edit),
            Page(method="POST", path="/program/draft", access="operator", answer=self.try_out),
            Page(method="POST", path="/program/publish", access="admin", answer=self.publish),
        ]

    @property
    def _book(self) -> ProgramBook:
        return offered(self._ports.programs, "programs")

    async def index(self, visit: Visit) -> Response:
        found = [(site, await self._book.versions(site)) for site in self._ports.sites]
        return visit.page(
            "programs.html",
            sites=[
                (site, _lines(versions), in_force(versions, self._ports.clock()))
                for site, versions in found
            ],
            standing=standing,
        )

    async def show(self, visit: Visit) -> Response:
        versions = await self._versions(visit.needed("site"), visit.needed("program"))
        shown = _version(versions, visit.number("version"))
        against = visit.number("against")
        before = None if against is None else _version(versions, against)
        everything = await self._book.versions(shown.site)
        return visit.page(
            "program.html",
            program=shown,
            versions=list(reversed(versions)),
            parts=parts_of(shown),
            applies=in_force(everything, self._ports.clock()),
            against=before,
            differences=None if before is None else diff(before, shown),
            standing=standing,
        )

    async def edit(self, visit: Visit) -> Response:
        versions = await self._versions(visit.needed("site"), visit.needed("program"))
        shown = _version(versions, visit.number("version"))
        text = await self._book.text(shown)
        return await self._draft(visit, shown, text)

    async def try_out(self, visit: Visit) -> Response:
        """Checks the draft, says what differs, and runs it on the customer that was chosen."""
        site, name = visit.field("site"), visit.field("program")
        text, customer = visit.field("text").replace("\r\n", "\n"), visit.field("customer").strip()
        versions = await self._versions(site, name)
        latest = versions[-1]
        try:
            draft = await self._book.check(text, site)
            differences = diff(latest, draft)
            answer = None
            if customer:
                answer = await offered(self._ports.dry_run, "dry runs").dry_run(
                    site, customer, text
                )
        except DraftRefused as refused:
            return await self._draft(
                visit, latest, text, customer=customer, problems=refused.problems, status=422
            )
        template = "_dry_run.html" if visit.is_fragment else "draft.html"
        return visit.page(
            template,
            program=latest,
            text=text,
            customer=customer,
            problems=(),
            differences=differences,
            answer=answer,
            tried=True,
        )

    async def publish(self, visit: Visit) -> Response:
        site, name = visit.field("site"), visit.field("program")
        reason = visit.reason()
        await self._versions(site, name)
        text = visit.field("text").replace("\r\n", "\n")
        if visit.field("confirmed") != name:
            raise Trouble(
                "Nothing was published: write the program's id exactly to confirm.", status=422
            )
        try:
            draft = await self._book.check(text, site)
            if draft.program != name:
                raise Trouble(
                    f"Nothing was published: the text is program {draft.program!r}, not {name!r}.",
                    status=422,
                )
            published = await self._book.publish(text, site, visit.person)
        except DraftRefused as refused:
            (latest,) = (await self._versions(site, name))[-1:]
            return await self._draft(visit, latest, text, problems=refused.problems, status=422)
        await self._record(visit, published, reason)
        return RedirectResponse(
            addresses.address(
                "/program", site=site, program=name, version=published.version, published="yes"
            ),
            303,
        )

    async def _record(self, visit: Visit, published: Program, reason: str) -> None:
        decision = Decision(
            at=self._ports.wall(),
            by=visit.person,
            kind="publish",
            subject=f"{published.site}:{published.program}:{published.version}",
            reason=reason,
        )
        async with access(self._ports.access) as connection:
            await record_decision(connection, decision)

    async def _draft(
        self,
        visit: Visit,
        program: Program,
        text: str,
        *,
        customer: str = "",
        problems: Sequence[DraftProblem] = (),
        status: int = 200,
    ) -> Response:
        template = "_dry_run.html" if visit.is_fragment and problems else "draft.html"
        return visit.page(
            template,
            # htmx leaves answers that are errors alone; this one is for the reader.
            status=200 if visit.is_fragment else status,
            program=program,
            text=text,
            customer=customer,
            problems=problems,
            differences=None,
            answer=None,
            tried=False,
        )

    async def _versions(self, site: str, name: str) -> list[Program]:
        found = [each for each in await self._book.versions(site) if each.program == name]
        if not found:
            raise Trouble(f"No program {name!r} is published for site {site!r}.", status=404)
        return sorted(found, key=lambda each: each.version)


def parts_of(program: Program) -> list[tuple[str, list[tuple[str, str]]]]:
    """The rules in words, by what they are about: (title, [(id, sentence)])."""
    found: dict[str, list[tuple[str, str]]] = {}
    for kind, name, sentence in describe(program):
        found.setdefault(PARTS[kind], []).append((name, sentence))
    return list(found.items())


def in_force(versions: Sequence[Program], now: int) -> Program | None:
    """The version of a site that applies now."""
    started = [each for each in versions if each.effective_at() <= now]
    return max(started, key=lambda each: (each.effective_at(), each.version), default=None)


def standing(program: Program, applies: Program | None, now: int) -> str:
    """Whether a version applies, will, or did."""
    if applies is not None and (program.program, program.version) == (
        applies.program,
        applies.version,
    ):
        return "retired" if program.retired else "applies"
    return "planned" if program.effective_at() > now else "replaced"


def _version(versions: Sequence[Program], number: int | None) -> Program:
    """One of them, the latest where none is named."""
    if number is None:
        return versions[-1]
    for each in versions:
        if each.version == number:
            return each
    raise Trouble(f"There is no version {number} of {versions[0].program}.", status=404)


def _lines(versions: Sequence[Program]) -> list[list[Program]]:
    """Versions by program, the latest first in each."""
    lines: dict[str, list[Program]] = {}
    for each in sorted(versions, key=lambda each: -each.version):
        lines.setdefault(each.program, []).append(each)
    return list(lines.values())
