"""What is wrong with the story of one reward: its command, its ledger row, its outcome. PURE."""

from collections.abc import Iterator

from deploy.audit.stories import LedgerReward, OutcomeFact, Story
from schemas.facts import RewardDelivered, RewardFailed

GIVES_BACK = frozenset({"refunded", "cancelled"})
"""Reasons to revoke a reward after which its cost comes back."""


def command_complaints(story: Story) -> Iterator[str]:
    """Earned once, and one command that says what the event says."""
    if story.earned > 1:
        yield f"is earned {story.earned} times"
    if story.earned and story.is_projected and not story.grants:
        yield "is earned and has no command"
    if not story.earned and (story.grants or story.revocations):
        yield "is commanded and was never earned"
    if len(story.grants) > 1:
        yield f"has {len(story.grants)} different commands"
    elif story.earned and not story.grants | story.revocations <= story.expected:
        yield "has a command that says something else than its event"


def row_complaints(story: Story, row: LedgerReward | None) -> Iterator[str]:
    """Received once, as commanded, and in a state that does not contradict itself."""
    if row is None:
        if story.is_received:
            yield "was received and is not in the ledger"
        return
    if row.command not in story.grants:
        yield "is in the ledger with a command that is not in the log"
    if not row.is_settled:
        if row.settled_at is not None or row.told:
            yield f"is {row.state} and yet settled"
    elif row.settled_at is None:
        yield f"is {row.state} at no time"
    elif row.state == "delivered" and not row.reference:
        yield "is delivered without the gateway's reference"
    elif row.state == "failed" and not row.reason:
        yield "has failed without a reason"


def outcome_complaints(story: Story, row: LedgerReward | None, *, erased: bool) -> Iterator[str]:
    """What the ledger has told is a fact, and what is a fact the account knows.

    An `erased` account has forgotten its open rewards, and one whose reward was revoked waits for
    nothing: their outcomes are ignored for a reason.
    """
    kinds = {type(fact) for fact in story.told}
    if row is not None and row.is_settled and row.told and not story.told:
        yield f"is {row.state} and its outcome is not among the facts"
    if len(kinds) > 1:
        yield "has an outcome fact of either kind"
    closed = story.delivered or story.failed or story.revoked or erased
    if story.told and story.is_folded and not closed:
        yield "has an outcome fact, and its account has no event for it"
    if story.delivered + story.failed > 1:
        yield f"was delivered {story.delivered} and failed {story.failed} times"
    if story.delivered and RewardDelivered not in kinds:
        yield "is delivered to the account by no fact"
    if story.failed and RewardFailed not in kinds:
        yield "has failed for the account by no fact"
    undone = story.failed or story.revoked in GIVES_BACK
    due = story.redeemed if undone and story.redeemed else None
    if story.restored != due:
        yield f"cost {story.redeemed} points and gave back {story.restored or 0}"


def agrees(fact: OutcomeFact, row: LedgerReward) -> bool:
    """Whether an outcome fact says what the ledger says."""
    if isinstance(fact, RewardDelivered):
        return (row.state, row.reference) == ("delivered", fact.reference)
    return (row.state, row.reason) == ("failed", fact.reason)
