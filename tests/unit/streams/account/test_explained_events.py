"""What an explanation says of each kind of points event, on the golden messages of them all."""

from pathlib import Path
from typing import get_args

import pytest

from schemas.codec import POINTS
from schemas.points import AnyPointsEvent
from streams.account.explanation.events import happened
from streams.account.explanation.wording import Wording

GOLDEN = Path(__file__).parents[4] / "schemas" / "examples" / "loyalty.points.v1"
LOT = "lot 5d41402abc4b2a76"
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
        f"198 points became spendable and expire {END} ({LOT}).",
        "12 of them fill what you owed.",
    ],
    "PointsAdjusted": [
        f"198 points were added and expire {END} ({LOT}).",
        "12 of them fill what you owed.",
    ],
    "PointsEarned": [
        (
            "They wait for `review_submitted` until 15 Dec 2025, and are void without it "
            "(lot 5d41402abc4b2a76)."
        ),
        "This was number 3 for `pay`.",
        "They are promotional: they are spent before others.",
        "12 of them fill what you owed.",
    ],
    "PointsExpired": [f"198 points were voided, 198 from {LOT}."],
    "PointsExpiringSoon": [f"198 points expire {END}."],
    "PointsExtended": [f"198 points now expire {END}."],
    "PointsRedeemed": [f"198 points paid for `five-off`, 198 from {LOT}."],
    "PointsRestored": [
        "198 points for `five-off` came back with the dates they had.",
        "6 of them had expired meanwhile.",
        "12 of them fill what you owed.",
    ],
    "PointsReversed": [
        f"198 points earned by payment:txn_0001:inv_0001 are undone, 198 from {LOT}.",
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
