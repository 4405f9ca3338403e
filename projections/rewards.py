"""React to points events with reward commands. PURE."""

from schemas.points import AnyPointsEvent, RewardEarned, RewardRevoked
from schemas.rewards import AnyRewardCommand, GrantReward, RevokeReward


def react(event: AnyPointsEvent) -> AnyRewardCommand | None:
    """The command an event calls for. It has the event's reward id, so a repeat is the same one."""
    match event:
        case RewardEarned():
            return GrantReward(
                reward_id=event.reward_id,
                site=event.site,
                customer=event.customer,
                program=event.program,
                program_version=event.program_version,
                reward=event.reward,
                occurred_at=event.occurred_at,
                grant=event.grant,
                subscription=event.subscription,
                currency=event.currency,
                lands_on=event.lands_on,
                wait_until=event.wait_until,
                allowance=event.allowance,
            )
        case RewardRevoked():
            return RevokeReward(
                reward_id=event.reward_id,
                site=event.site,
                customer=event.customer,
                program=event.program,
                program_version=event.program_version,
                reward=event.reward,
                occurred_at=event.occurred_at,
                reason=event.reason,
            )
        case _:
            return None
