"""`cactus dlq list | show | replay | discard`: what no stage could use, and what becomes of it."""

import asyncio
import getpass
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deploy.console import JsonFlag, err, out, print_json

if TYPE_CHECKING:
    from deploy.dead_letters.desk import Decided, Desk


def _said(value: str) -> str:
    if not value.strip():
        raise typer.BadParameter("say it in a few words; the decision is kept with it")
    return value.strip()


def login() -> str:
    """Who sits at the terminal, as far as the machine knows."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"


Place = Annotated[
    str,
    typer.Argument(
        metavar="PLACE", help="As `cactus dlq list` has it: PARTITION/OFFSET, or OFFSET."
    ),
]
OptionalPlace = Annotated[
    str | None,
    typer.Argument(metavar="PLACE", help="As `cactus dlq list` has it; none with --passing."),
]
PassingFlag = Annotated[
    bool, typer.Option("--passing", help="All that wait and that this version would use.")
]
ActorOption = Annotated[
    str,
    typer.Option("--actor", default_factory=login, callback=_said, help="Who decides this."),
]
ReasonOption = Annotated[str, typer.Option("--reason", callback=_said, help="Why.")]
ClassOption = Annotated[str | None, typer.Option("--class", help="Only of this class of error.")]
NewerOption = Annotated[
    str | None, typer.Option("--newer-than", metavar="PERIOD", help="Such as PT6H or P1D.")
]
OlderOption = Annotated[
    str | None, typer.Option("--older-than", metavar="PERIOD", help="Such as PT6H or P1D.")
]
DecidedFlag = Annotated[
    bool, typer.Option("--all", help="Also what was sent again or given up already.")
]
RawFlag = Annotated[
    bool, typer.Option("--raw", help="Show the bytes as they are: they may be personal.")
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")]


def register(app: typer.Typer) -> None:
    dlq = typer.Typer(
        help="The dead letters: what could not be used, why, and what to do.", no_args_is_help=True
    )
    dlq.command("list")(list_letters)
    dlq.command()(show)
    dlq.command()(replay)
    dlq.command()(discard)
    app.add_typer(dlq, name="dlq")


def list_letters(
    class_: ClassOption = None,
    newer_than: NewerOption = None,
    older_than: OlderOption = None,
    everything: DecidedFlag = False,
    limit: LimitOption = 50,
    json: JsonFlag = False,
) -> None:
    """List dead letters that wait for a decision, newest first.

    [bold]cactus dlq list --class UntranslatableError --newer-than P1D[/]
    """
    oldest, newest = _ago(newer_than), _ago(older_than)

    def wanted(each: "Decided") -> bool:
        at = each.letter.at
        return (
            (everything or each.state == "waiting")
            and class_ in (None, each.letter.class_)
            and (oldest is None or at >= oldest)
            and (newest is None or at <= newest)
        )

    async def collect() -> "list[Decided]":
        found: list[Decided] = []
        async with _desk() as desk:
            async for each in desk.newest_first():
                if wanted(each):
                    found.append(each)
                if len(found) == limit:
                    break
        return found

    found = asyncio.run(collect())
    if json:
        print_json([_summary(each) for each in found])
        return
    if not found:
        err.print("No such dead letters.")
        return
    _print_table(found)


def show(place: Place, raw: RawFlag = False, json: JsonFlag = False) -> None:
    """Show one dead letter: where it came from, what is wrong, and its bytes.

    Texts that may be personal are hidden unless --raw. It also says what this version of the code
    would make of it.
    """
    from deploy.cluster import topics_of
    from deploy.dead_letters.verdict import refusal
    from deploy.settings import load_settings

    found = asyncio.run(_find(place))
    letter = found.letter
    refused = refusal(letter, topics_of(load_settings()))
    if json:
        document = {**_summary(found), "would_be_refused": refused, **_bytes(letter.value, raw)}
        print_json(document)
        return
    for name, value in _summary(found).items():
        if value not in ("", None):
            out.print(f"{name:<16}", style="dim", end="")
            out.print(_instant(value) if name.endswith("_at") else _printable(value), markup=False)
    out.print(f"{'now':<16}", style="dim", end="")
    verdict = f"it would be refused again: {refused}" if refused else "it would pass"
    out.print(_printable(verdict), markup=False)
    out.print(f"\n{len(letter.value):,} bytes", style="dim")
    out.print(_shown(letter.value, raw), markup=False)


def replay(
    reason: ReasonOption,
    actor: ActorOption,
    place: OptionalPlace = None,
    passing: PassingFlag = False,
    class_: ClassOption = None,
) -> None:
    """Send a dead letter again, to the topic it came from, as it was. Once.

    What it says has a natural key: if it was used after all, nothing happens twice.
    After a new version was rolled out, --passing sends all that it would use, oldest first.

    [bold]cactus dlq replay 42 --reason "the translator knows this event since 1.4"[/]
    [bold]cactus dlq replay --passing --class UntranslatableError --reason "1.4 is out"[/]
    """
    if (place is None) != passing:
        raise typer.BadParameter("name one PLACE, or say --passing")
    if place is not None:

        async def act(desk: "Desk", partition: int, offset: int) -> str:
            return await desk.replay(partition, offset, actor, reason)

        out.print(asyncio.run(_decide(place, act)), markup=False)
        return
    sent, left = asyncio.run(_replay_passing(class_, actor, reason))
    out.print(f"sent again: {sent:,}; would be refused as before: {left:,}")


async def _replay_passing(class_: str | None, actor: str, reason: str) -> tuple[int, int]:
    from deploy.cluster import topics_of
    from deploy.dead_letters.verdict import refusal
    from deploy.settings import load_settings

    topics = topics_of(load_settings())
    async with _desk() as desk:
        waiting = [
            each
            async for each in desk.newest_first()
            if each.state == "waiting" and class_ in (None, each.letter.class_)
        ]
        # Of what was buried twice, one is sent.
        first = {each.letter.subject: each for each in waiting}
        passing = [each for each in first.values() if not refusal(each.letter, topics)]
        for each in reversed(passing):
            await desk.send_again(each, actor, reason)
    return len(passing), len(first) - len(passing)


def discard(place: Place, reason: ReasonOption, actor: ActorOption) -> None:
    """Give a dead letter up: it is listed no more, and ages out."""

    async def act(desk: "Desk", partition: int, offset: int) -> str:
        await desk.discard(partition, offset, actor, reason)
        return f"{partition}/{offset} is discarded; what it was ages out of the DLQ by itself."

    out.print(asyncio.run(_decide(place, act)), markup=False)


@asynccontextmanager
async def _desk() -> "AsyncIterator[Desk]":
    from deploy.errors import OperatingError
    from deploy.service.access import open_own_access
    from deploy.service.dead_letters import open_desk
    from deploy.settings import load_settings
    from projections.service.ports import DecisionRefused

    settings = load_settings()
    async with open_own_access(settings) as access:
        try:
            async with open_desk(settings, access) as desk:
                yield desk
        except DecisionRefused as error:
            raise OperatingError(str(error)) from error


async def _find(place: str) -> "Decided":
    from deploy.errors import OperatingError

    partition, offset = _parsed(place)
    async with _desk() as desk:
        found = await desk.find(partition, offset)
    if found is None:
        raise OperatingError(f"The DLQ holds nothing at {place}; try: cactus dlq list --all")
    return found


async def _decide(place: str, act: Any) -> str:
    partition, offset = _parsed(place)
    async with _desk() as desk:
        said: str = await act(desk, partition, offset)
        return said


def _parsed(place: str) -> tuple[int, int]:
    partition, slash, offset = place.rpartition("/")
    if not offset.isdecimal() or (slash and not partition.isdecimal()):
        raise typer.BadParameter("write OFFSET or PARTITION/OFFSET, such as 0/42")
    return int(partition or 0), int(offset)


def _ago(period: str | None) -> int | None:
    """The instant that lies a period back, in real time."""
    if period is None:
        return None
    from schemas.program.periods import PeriodError, parse_period, parse_zone, subtract

    try:
        return subtract(int(time.time()), parse_period(period), parse_zone("UTC"))
    except PeriodError as error:
        raise typer.BadParameter(str(error)) from error


def _summary(found: "Decided") -> dict[str, Any]:
    letter = found.letter
    return {
        "place": f"{letter.partition}/{letter.offset}",
        "state": found.state,
        "buried_at": letter.at,
        "class": letter.class_,
        "error": letter.error,
        "attempts": letter.attempts,
        "code_version": letter.code_version,
        "from": letter.origin if letter.topic else "",
        "key": None if letter.key is None else letter.key.decode(errors="backslashreplace"),
        "decided_at": found.at or None,
        "decided_by": found.by,
        "reason": found.reason,
    }


def _print_table(found: "list[Decided]") -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table("place", "buried, UTC", "class", "from", "tries", "what is wrong", box=None)
    for each in found:
        letter = each.letter
        wrong = letter.error if each.state == "waiting" else f"{each.state}: {each.reason}"
        table.add_row(
            f"{letter.partition}/{letter.offset}",
            _instant(letter.at),
            escape(_printable(letter.class_)),
            escape(_printable(letter.origin)),
            str(letter.attempts),
            escape(_printable(wrong)),
        )
    out.print(table)


def _bytes(value: bytes, raw: bool) -> dict[str, Any]:
    if raw:
        return {"bytes": len(value), "value_hex": value.hex()}
    return {"bytes": len(value), "value": _shown(value, raw)}


def _shown(value: bytes, raw: bool) -> str:
    from deploy.dead_letters.showing import escaped, hexadecimal, masked

    if not raw:
        return masked(value)
    try:
        value.decode()
    except UnicodeDecodeError:
        return hexadecimal(value)
    return escaped(value)


def _printable(value: object) -> str:
    from deploy.dead_letters.showing import escaped

    return escaped(str(value).encode(errors="backslashreplace")).replace("\n", "\\n")


def _instant(seconds: Any) -> str:
    from deploy.wording import instant

    return instant(int(seconds))
