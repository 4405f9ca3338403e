"""Follow every reward from event to outcome: earned, commanded, carried out, told. PURE."""

from collections.abc import Iterable, Mapping

from deploy.audit.stories import LedgerReward, OutcomeFact, Story, spelled
from deploy.audit.tally import Tally
from deploy.audit.verdicts import agrees, command_complaints, outcome_complaints, row_complaints
from projections.rewards import react
from schemas import ids
from schemas.points import (
    AccountErased,
    AnyPointsEvent,
    PointsRedeemed,
    PointsRestored,
    RewardDelivered,
    RewardEarned,
    RewardFailed,
    RewardRevoked,
)
from schemas.rewards import AnyRewardCommand, GrantReward

RewardEvent = (
    RewardEarned | RewardRevoked | RewardDelivered | RewardFailed | PointsRedeemed | PointsRestored
)


class Rewards:
    """Takes the commands, the points events and the facts of each partition in turn.

    `ledger` holds its rows, by reward id, from before the logs were read.
    """

    def __init__(
        self, commands: Tally, rows: Tally, outcomes: Tally, ledger: Mapping[str, LedgerReward]
    ) -> None:
        self._commands = commands
        self._rows = rows
        self._outcomes = outcomes
        self._ledger = ledger
        self._unclaimed = set(ledger)
        self._unconfirmed: list[OutcomeFact] = []
        self._repeats = 0
        self._stories: dict[str, Story] = {}
        self.erased: set[str] = set()
        """Keys of the accounts that were erased."""
        self.first_earned_at: dict[str, int] = {}
        """Of each site that ever earned a reward, when the first was."""

    def take_command(self, command: AnyRewardCommand, *, is_received: bool) -> None:
        """`is_received`: it lies before the position that the ledger holds."""
        story, content = self._story(command), spelled(command)
        is_grant = isinstance(command, GrantReward)
        kept = story.grants if is_grant else story.revocations
        self._repeats += content in kept
        kept.add(content)
        story.is_received = story.is_received or (is_grant and is_received)

    def take_event(self, event: AnyPointsEvent, *, is_projected: bool) -> None:
        """`is_projected`: it lies before the position that the views hold."""
        if isinstance(event, AccountErased):
            self.erased.add(ids.account_key(event.site, event.customer))
        elif isinstance(event, RewardEvent):
            self._take_reward_event(event, is_projected=is_projected)

    def _take_reward_event(self, event: RewardEvent, *, is_projected: bool) -> None:
        story = self._story(event)
        command = react(event)
        if command is not None:
            story.expected.add(spelled(command))
        match event:
            case RewardEarned():
                story.earned += 1
                story.is_projected = is_projected
                first = self.first_earned_at.get(event.site, event.occurred_at)
                self.first_earned_at[event.site] = min(first, event.occurred_at)
            case PointsRedeemed():
                story.redeemed += event.points
            case PointsRestored():
                story.restored = (story.restored or 0) + event.points
            case RewardDelivered():
                story.delivered += 1
            case RewardFailed():
                story.failed += 1
            case RewardRevoked():
                story.revoked = event.reason

    def take_outcome(self, fact: OutcomeFact, *, is_folded: bool) -> None:
        story = self._story(fact)
        story.told.append(fact)
        story.is_folded = story.is_folded or is_folded

    def finish_partition(self) -> None:
        for reward_id, story in self._stories.items():
            self._judge(reward_id, story, self._ledger.get(reward_id))
        self._unclaimed -= self._stories.keys()
        self._stories = {}

    def _judge(self, reward_id: str, story: Story, row: LedgerReward | None) -> None:
        self._commands.examined += story.earned
        self._rows.examined += row is not None
        self._outcomes.examined += bool(story.told)
        erased = story.account in self.erased
        _tell(self._commands, reward_id, command_complaints(story))
        _tell(self._rows, reward_id, row_complaints(story, row))
        _tell(self._outcomes, reward_id, outcome_complaints(story, row, erased=erased))
        for fact in story.told:
            if row is None or not agrees(fact, row):
                self._unconfirmed.append(fact)

    def finish(self, ledger: Mapping[str, LedgerReward]) -> None:
        """`ledger` as it is now that every log has been read: it explains every outcome fact."""
        for fact in self._unconfirmed:
            row = ledger.get(fact.reward_id)
            if row is None:
                self._outcomes.breach(f"{fact.reward_id} has an outcome and is not in the ledger")
            elif not agrees(fact, row):
                self._outcomes.breach(f"{fact.reward_id} is {row.state}, its outcome fact differs")
        for reward_id in sorted(self._unclaimed):
            self._rows.examined += 1
            self._rows.breach(f"{reward_id} is in the ledger and in no log")
        self._note()

    def _note(self) -> None:
        rows = self._ledger.values()
        stuck = sum(row.stuck for row in rows)
        moving = sum(not row.is_settled and not row.stuck for row in rows)
        untold = sum(row.is_settled and not row.told for row in rows)
        if self._repeats:
            self._commands.note(f"{self._repeats} commands repeat one, with the same content")
        if moving:
            self._rows.note(f"{moving} are on their way")
        if stuck:
            self._rows.note(f"{stuck} wait for a human: cactus rewards list --state stuck")
        if untold:
            self._outcomes.note(f"{untold} outcomes are not told yet")

    def _story(self, about: AnyRewardCommand | OutcomeFact | RewardEvent) -> Story:
        story = self._stories.get(about.reward_id)
        if story is None:
            account = ids.account_key(about.site, about.customer)
            story = self._stories[about.reward_id] = Story(account)
        return story


def _tell(tally: Tally, reward_id: str, complaints: Iterable[str]) -> None:
    for complaint in complaints:
        tally.breach(f"{reward_id} {complaint}")
