"""`cactus rewards retry|resolve|cancel|pause|resume`: what people decide, with who and why."""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from deploy.console import JsonFlag, err, out, print_json

if TYPE_CHECKING:
    from connectors.rewards.desk import By, Scope
    from connectors.rewards.ledger import Ledger
    from connectors.rewards.standing import Instant

Result = TypeVar("Result")


class Resolution(StrEnum):
    """What a human has found out."""

    DELIVERED = "delivered"
    FAILED = "failed"


def _said(value: str) -> str:
    if not value.strip():
        raise typer.BadParameter("say it in a few words; the decision is kept with it")
    return value.strip()


RewardArgument = Annotated[
    str, typer.Argument(metavar="REWARD", help="As `cactus rewards list` names it; what takes it "
                        "back is named the same with :revoked at its end.")
]  # fmt: skip
ActorOption = Annotated[str, typer.Option("--actor", callback=_said, help="Who decides this.")]
ReasonOption = Annotated[str, typer.Option("--reason", callback=_said, help="Why.")]
SiteOption = Annotated[str, typer.Option("--site", help="Only of this site.")]
ProgramOption = Annotated[str, typer.Option("--program", help="Only of this program.")]
KindOption = Annotated[str, typer.Option("--kind", help="Only of this kind, such as coupon.")]
AllFlag = Annotated[bool, typer.Option("--all", help="Everything.")]


def register(rewards: typer.Typer) -> None:
    for command in (retry, resolve, cancel, pause, resume, pauses):
        rewards.command()(command)


def retry(reward_id: RewardArgument, actor: ActorOption, reason: ReasonOption) -> None:
    """Go on at once with a reward that waits or is stuck.

    What is in doubt is read back at the gateway first: nothing is ever given twice by this.
    """
    state = _decide(actor, reason, lambda ledger, by, at: ledger.retry(reward_id, by, at))
    out.print(f"{reward_id} is {state} and goes on with the rewarder's next step", markup=False)


def resolve(
    reward_id: RewardArgument,
    as_: Annotated[Resolution, typer.Option("--as", help="What is true at the gateway.")],
    actor: ActorOption,
    reason: ReasonOption,
    reference: Annotated[
        str, typer.Option("--reference", help="The gateway's id of what was delivered.")
    ] = "",
) -> None:
    """Settle a reward in doubt by what you have found out. Its account is told.

    [bold]cactus rewards resolve acme:c1:five-off:1 --as failed --actor anna --reason "no credit
    there"[/]
    """
    if (as_ is Resolution.DELIVERED) != bool(reference):
        raise typer.BadParameter(
            "give the gateway's id with --as delivered, and only there", param_hint="--reference"
        )
    state = _decide(
        actor,
        reason,
        lambda ledger, by, at: ledger.resolve(
            reward_id, by, at, as_=as_.value, reference=reference
        ),
    )
    out.print(f"{reward_id} is {state}; the rewarder tells its account", markup=False)


def cancel(reward_id: RewardArgument, actor: ActorOption, reason: ReasonOption) -> None:
    """Give up a reward that was not sent: it fails, and its points go back.

    Of a taking back: the customer keeps the reward.
    """
    state = _decide(actor, reason, lambda ledger, by, at: ledger.cancel(reward_id, by, at))
    out.print(f"{reward_id} is {state}", markup=False)


def pause(
    actor: ActorOption,
    reason: ReasonOption,
    site: SiteOption = "",
    program: ProgramOption = "",
    kind: KindOption = "",
    everything: AllFlag = False,
) -> None:
    """Begin no more rewards of a site, a program or a kind. What is in doubt is still settled."""
    scope = _scope(site, program, kind, everything=everything)

    async def act(ledger: "Ledger", by: "By", at: "Instant") -> int:
        await ledger.pause(scope, by, at)
        return await ledger.count_due(scope)

    waiting = _decide(actor, reason, act)
    out.print(f"paused: {scope}; rewards that are due and wait now: {waiting}", markup=False)


def resume(
    actor: ActorOption,
    reason: ReasonOption,
    site: SiteOption = "",
    program: ProgramOption = "",
    kind: KindOption = "",
    everything: AllFlag = False,
) -> None:
    """End a pause, named as it was made."""
    scope = _scope(site, program, kind, everything=everything)
    _decide(actor, reason, lambda ledger, by, at: ledger.resume(scope, by, at))
    out.print(f"resumed: {scope}", markup=False)


def pauses(json: JsonFlag = False) -> None:
    """List what is paused, by whom and why."""
    from connectors.rewards.desk import Scope
    from deploy.wording import instant

    found = asyncio.run(_pauses())
    if json:
        print_json(found)
        return
    if not found:
        err.print("Nothing is paused.")
    for each in found:
        scope = Scope(site=each["site"], program=each["program"], kind=each["kind"])
        since = instant(int(each["since_wall"]))
        out.print(f"{scope}, since {since} UTC by {each['actor']}: {each['reason']}", markup=False)


def _scope(site: str, program: str, kind: str, *, everything: bool) -> "Scope":
    from connectors.rewards.desk import Scope
    from connectors.rewards.kinds import KINDS
    from deploy.settings import load_settings

    if everything == bool(site or program or kind):
        raise typer.BadParameter(
            "name a --site, a --program or a --kind, or say --all", param_hint="--all"
        )
    if kind and kind not in KINDS:
        raise typer.BadParameter(
            f"no kind of reward; known are {', '.join(KINDS)}", param_hint="--kind"
        )
    if site:
        load_settings().site(site)
    return Scope(site=site, program=program, kind=kind)


def _decide(
    actor: str, reason: str, act: "Callable[[Ledger, By, Instant], Awaitable[Result]]"
) -> Result:
    return asyncio.run(_decide_in_ledger(actor, reason, act))


async def _decide_in_ledger(
    actor: str, reason: str, act: "Callable[[Ledger, By, Instant], Awaitable[Result]]"
) -> Result:
    import time

    from connectors.rewards.desk import By, DecisionRefusedError
    from connectors.rewards.standing import Instant
    from deploy.clock import choose_clock
    from deploy.errors import OperatingError
    from deploy.reward_ledger import open_own_ledger
    from deploy.settings import load_settings

    settings = load_settings()
    at = Instant(now=choose_clock(settings.clock_file)(), wall=time.time())
    async with open_own_ledger(settings, access="write") as ledger:
        try:
            return await act(ledger, By(actor=actor, reason=reason), at)
        except DecisionRefusedError as error:
            raise OperatingError(str(error)) from error


async def _pauses() -> list[dict[str, Any]]:
    from deploy.reward_ledger import open_own_ledger
    from deploy.settings import load_settings

    async with open_own_ledger(load_settings(), access="read") as ledger:
        return await ledger.pauses()
