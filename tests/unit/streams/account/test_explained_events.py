"""What an explanation says of each kind of points event, on the golden messages of them all."""

from pathlib import Path
from typing import get_args

import pytest
from msgspec.structs import replace

from schemas.codec import POINTS
from schemas.points import AnyPointsEvent, LotState, PointsAdjusted, PointsEarned
from streams.account.explanation.credits import credits_in
from streams.account.explanation.events import happened
from streams.account.explanation.wording import Wording

GOLDEN = Path(__file__).parents[4] / "schemas" / "examples" / "loyalty.points.v1"
EARLIER = "of earlier points"
END = "at the end of 30 Nov 2026"
SAID = {
    "AccountErased": ["The account is closed for good."],
    "CorrectionApplied": [
        (
            "Earlier facts were put in order (the renewal came after the payment that it was "
            "before): your points change by -40."
        )
    ],
    "FactIgnored": ["The rule pay did not fire: the plan is basic-USD-monthly."],
    "PointsActivated": [
        f"198 points {EARLIER} became spendable and expire {END}.",
        "12 of them fill what you owed.",
    ],
    "PointsAdjusted": [
        f"198 points were added and expire {END}.",
        "12 of them fill what you owed.",
    ],
    "PointsEarned": [
        "They wait for `review_submitted` until 15 Dec 2025, and are void without it.",
        "This was number 3 for `pay`.",
        "They are promotional: they are spent before others.",
        "12 of them fill what you owed.",
    ],
    "PointsExpired": [f"198 points were voided, 198 {EARLIER}."],
    "PointsExpiringSoon": [f"198 points expire {END}."],
    "PointsExtended": [f"198 points now expire {END}."],
    "PointsRedeemed": [f"198 points paid for `five-off`, 198 {EARLIER}."],
    "PointsRestored": [
        "198 points for `five-off` came back with the dates they had.",
        "6 of them had expired meanwhile.",
        "12 of them fill what you owed.",
    ],
    "PointsReversed": [
        f"198 points earned by payment:txn_0001:inv_0001 are undone, 198 {EARLIER}.",
        "6 of them had expired before.",
        "4 of them were spent, and are forgiven.",
        "8 of them were spent, and are owed now.",
    ],
    "RewardDelivered": ["The reward `five-off` is delivered."],
    "RewardEarned": ["You get the reward `five-off`."],
    "RewardFailed": ["The reward `five-off` failed: budget_exhausted."],
    "RewardRevoked": [
        "The reward `five-off` is withdrawn: the payment payment:txn_0001:inv_0001 was refunded."
    ],
    "TierChanged": [
        (
            "support@desk-7 moved you from `seedling` to `saguaro` until 1 Dec 2026: "
            "invited to the founders' circle."
        )
    ],
}


def golden(kind: str) -> AnyPointsEvent:
    return POINTS.decode((GOLDEN / kind / "v1" / "complete.json").read_bytes())


def test_there_are_sentences_for_every_type_and_no_other() -> None:
    assert set(SAID) == {each.__name__ for each in get_args(AnyPointsEvent)}


@pytest.mark.parametrize("kind", SAID)
def test_each_kind_of_event_is_said(kind: str) -> None:
    assert happened(golden(kind), Wording(None)) == SAID[kind]


def test_lots_are_named_by_what_earned_them_and_when() -> None:
    earned, adjusted = golden("PointsEarned"), golden("PointsAdjusted")
    assert isinstance(earned, PointsEarned)
    assert isinstance(adjusted, PointsAdjusted)
    [state] = [LotState(lot="c", points=3, earned_at=earned.occurred_at, available_at=0)]
    corrected = replace(golden("CorrectionApplied"), lots=(state,))
    opened = credits_in([replace(earned, lot="a"), replace(adjusted, lot="b"), corrected])
    wording = Wording(None, opened)
    assert [wording.credit(lot) for lot in "abcd"] == [
        "of `pay` of 1 Dec 2025",
        "of what was given by hand on 1 Dec 2025",
        "of points of 1 Dec 2025",
        "of earlier points",
    ]
