"""What a points event did to the account, in sentences. PURE."""

from collections.abc import Sequence
from typing import assert_never

from schemas import points
from schemas.points import AnyPointsEvent, LotChange
from schemas.program.amounts import money_text
from streams.account.explanation.wording import Wording, listed, sentence

_WITHDRAWN = {
    "tier_left": "you are no longer in its tier",
    "refunded": "what it was given for was refunded",
    "corrected": "an earlier fact that came late showed that it was not due",
    "cancelled": "the request was taken back",
}


def happened(event: AnyPointsEvent, wording: Wording) -> list[str]:
    """The sentences of one event."""
    match event:
        case points.PointsEarned() | points.PointsActivated() | points.PointsAdjusted():
            return _credited(event, wording)
        case points.PointsReversed() | points.PointsRedeemed() | points.PointsRestored():
            return _moved(event, wording)
        case points.PointsExtended() | points.PointsExpiringSoon() | points.PointsExpired():
            return [_aged(event, wording)]
        case points.TierChanged():
            return [_tier(event, wording)]
        case (
            points.RewardEarned()
            | points.RewardDelivered()
            | points.RewardFailed()
            | points.RewardRevoked()
        ):
            return [_reward(event, wording)]
        case points.CorrectionApplied():
            return [correction(event)]
        case points.FactIgnored():
            return [sentence(event.detail or event.reason.replace("_", " "))]
        case points.AccountErased():
            return ["The account is closed for good."]
        case _:
            assert_never(event)


def correction(event: points.CorrectionApplied) -> str:
    change = "stay as they were" if event.points == 0 else f"change by {event.points:+,}"
    return f"Earlier facts were put in order ({event.detail}): your points {change}."


def figures(event: AnyPointsEvent, wording: Wording) -> str:
    """How the account stands after an event."""
    pending = f", and {event.pending:,} more are on their way" if event.pending else ""
    owed = (
        f" You owe {event.deficit:,}, which what comes next fills first." if event.deficit else ""
    )
    return f"You can spend {wording.points(max(0, event.balance))} now{pending}.{owed}"


def _credited(
    event: points.PointsEarned | points.PointsActivated | points.PointsAdjusted, wording: Wording
) -> list[str]:
    match event:
        case points.PointsEarned():
            told = [_dates(event, wording)]
            if event.count:
                told.append(f"This was number {event.count:,} for `{event.rule}`.")
            if event.promotional:
                told.append("They are promotional: they are spent before others.")
        case points.PointsActivated():
            ends = f" and expire {wording.last(event.expires_at)}" if event.expires_at else ""
            told = [f"{wording.points(event.points)} became spendable{ends} (lot {event.lot})."]
        case points.PointsAdjusted():
            told = [_adjusted(event, wording)]
        case _:
            assert_never(event)
    if event.absorbed:
        told.append(f"{event.absorbed:,} of them fill what you owed.")
    return told


def _dates(event: points.PointsEarned, wording: Wording) -> str:
    if event.activates_on:
        deadline = wording.moment(event.available_at)
        return (
            f"They wait for `{event.activates_on}` until {deadline}, and are void without it "
            f"(lot {event.lot})."
        )
    at_once = event.available_at <= event.occurred_at
    begins = "at once" if at_once else f"on {wording.moment(event.available_at)}"
    ends = (
        "never expire" if event.expires_at is None else f"expire {wording.last(event.expires_at)}"
    )
    return f"They become spendable {begins} and {ends} (lot {event.lot})."


def _adjusted(event: points.PointsAdjusted, wording: Wording) -> str:
    if event.points > 0:
        ends = f" and expire {wording.last(event.expires_at)}" if event.expires_at else ""
        return f"{wording.points(event.points)} were added{ends} (lot {event.lot})."
    owed = f", of which you owe {event.overdrawn:,}" if event.overdrawn else ""
    return f"{wording.points(-event.points)} were taken{_from(event.lots)}{owed}."


def _moved(
    event: points.PointsReversed | points.PointsRedeemed | points.PointsRestored, wording: Wording
) -> list[str]:
    size = wording.points(event.points)
    match event:
        case points.PointsReversed():
            told = [f"{size} earned by {event.earned_by} are undone{_from(event.lots)}."]
            if event.expired:
                told.append(f"{event.expired:,} of them had expired before.")
            if event.forgiven:
                told.append(f"{event.forgiven:,} of them were spent, and are forgiven.")
            if event.overdrawn:
                told.append(f"{event.overdrawn:,} of them were spent, and are owed now.")
        case points.PointsRedeemed():
            told = [f"{size} paid for `{event.reward}`{_from(event.lots)}."]
        case points.PointsRestored():
            told = [f"{size} for `{event.reward}` came back with the dates they had."]
            if event.expired:
                told.append(f"{event.expired:,} of them had expired meanwhile.")
            if event.absorbed:
                told.append(f"{event.absorbed:,} of them fill what you owed.")
        case _:
            assert_never(event)
    return told


def _aged(
    event: points.PointsExtended | points.PointsExpiringSoon | points.PointsExpired,
    wording: Wording,
) -> str:
    match event:
        case points.PointsExtended():
            size = wording.points(sum(each.points for each in event.lots))
            return f"{size} now expire {wording.last(event.expires_at)}."
        case points.PointsExpiringSoon():
            return f"{wording.points(event.points)} expire {wording.last(event.expires_at)}."
        case points.PointsExpired():
            what = "expired" if event.reason == "expired" else f"were {event.reason}"
            return f"{wording.points(event.points)} {what}{_from(event.lots)}."
        case _:
            assert_never(event)


def _tier(event: points.TierChanged, wording: Wording) -> str:
    came = f"from `{event.from_tier}` to" if event.from_tier else "into"
    if event.actor:
        until = f" until {wording.moment(event.until)}" if event.until is not None else ""
        return f"{event.actor} moved you {came} `{event.to_tier}`{until}: {event.assigned_reason}."
    return f"You moved {came} `{event.to_tier}`."


def _reward(
    event: points.RewardEarned
    | points.RewardDelivered
    | points.RewardFailed
    | points.RewardRevoked,
    wording: Wording,
) -> str:
    match event:
        case points.RewardEarned():
            rule = wording.reward(event.reward)
            return sentence(f"you get the reward `{event.reward}`" + (f": {rule}" if rule else ""))
        case points.RewardDelivered():
            return f"The reward `{event.reward}` is delivered."
        case points.RewardFailed():
            return f"The reward `{event.reward}` failed: {event.reason}."
        case points.RewardRevoked():
            why = _WITHDRAWN.get(event.reason, event.reason)
            return f"The reward `{event.reward}` is withdrawn: {why}."
        case _:
            assert_never(event)


def refunded_text(amount_minor: int, of_minor: int, currency: str) -> str:
    """`49.69 of 99.38 USD`."""
    part = money_text(amount_minor, currency).split(" ", maxsplit=1)[0]
    return f"{part} of {money_text(of_minor, currency)}"


def _from(lots: Sequence[LotChange]) -> str:
    parts = [f"{each.points:,} from lot {each.lot}" for each in lots]
    return f", {listed(parts)}" if parts else ""
