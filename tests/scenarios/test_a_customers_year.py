"""Three customers' years under a small program: everything that happens to them, in full.

The same file serves as the example for `cactus simulate`.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy.simulation.lines import LineReader
from deploy.simulation.run import Simulation, known_from_the_start
from schemas.codec import POINTS
from schemas.points import (
    AnyPointsEvent,
    FactIgnored,
    PointsEarned,
    RewardDelivered,
    RewardEarned,
    RewardFailed,
    RewardRevoked,
    TierChanged,
)
from schemas.program.load import load_program

HERE = Path(__file__).parent
YEAR = HERE / "year.ndjson"
PROGRAM = HERE / "garden.yaml"


def told(event: AnyPointsEvent) -> str:
    """`day kind what points: balance pending lifetime`, and the deficit where there is one."""
    day = datetime.fromtimestamp(event.occurred_at, UTC).date()
    match event:
        case PointsEarned():
            what = event.rule
        case TierChanged():
            what = event.to_tier
        case RewardEarned() | RewardDelivered() | RewardFailed() | RewardRevoked():
            what = event.reward
        case FactIgnored():
            what = event.reason
        case _:
            what = ""
    points = getattr(event, "points", "")
    figures = f"{event.balance} {event.pending} {event.lifetime}"
    owed = f" owes {event.deficit}" if event.deficit else ""
    head = " ".join(str(part) for part in (day, type(event).__name__, what, points) if part != "")
    return f"{head}: {figures}{owed}"


@pytest.fixture(scope="module")
def years() -> dict[str, list[str]]:
    """What was told of each customer."""
    reader = LineReader("acme-test")
    simulation = Simulation(known_from_the_start([load_program(PROGRAM.read_text("utf-8"))]))
    events = [
        POINTS.decode(event)
        for event in simulation.run(reader.read(YEAR.read_bytes().splitlines()))
    ]
    assert (reader.bad, simulation.repeats) == ([], 1)
    assert list(reader.ignored.values()) == [1]
    names = sorted({event.customer for event in events})
    return {name: [told(event) for event in events if event.customer == name] for name in names}


def test_mia_pays_by_the_month_and_reaches_a_tier_two_rewards_and_a_year(
    years: dict[str, list[str]],
) -> None:
    assert years["mia"] == [
        "2025-12-01 PointsEarned welcome 100: 100 0 100",
        "2025-12-01 TierChanged seedling: 100 0 100",
        "2025-12-01 PointsEarned pay 20: 100 20 120",
        "2025-12-15 PointsActivated 20: 120 0 120",
        "2026-01-01 FactIgnored no_rule: 120 0 120",
        "2026-01-01 PointsEarned pay 20: 120 20 140",
        "2026-01-15 PointsActivated 20: 140 0 140",
        "2026-02-01 FactIgnored no_rule: 140 0 140",
        "2026-02-01 PointsEarned pay 20: 140 20 160",
        "2026-02-15 PointsActivated 20: 160 0 160",
        "2026-03-01 FactIgnored no_rule: 160 0 160",
        "2026-03-01 PointsEarned pay 20: 160 20 180",
        "2026-03-15 PointsActivated 20: 180 0 180",
        "2026-04-01 FactIgnored no_rule: 180 0 180",
        "2026-04-01 PointsEarned pay 20: 180 20 200",
        "2026-04-15 PointsActivated 20: 200 0 200",
        "2026-04-15 RewardEarned five-off: 200 0 200",
        "2026-04-15 PointsRedeemed 200: 0 0 200",
        "2026-04-15 RewardDelivered five-off: 0 0 200",
        "2026-05-01 FactIgnored no_rule: 0 0 200",
        "2026-05-01 PointsEarned pay 20: 0 20 220",
        "2026-05-15 PointsActivated 20: 20 0 220",
        "2026-06-01 FactIgnored no_rule: 20 0 220",
        "2026-06-01 PointsEarned pay 20: 20 20 240",
        "2026-06-15 PointsActivated 20: 40 0 240",
        "2026-07-01 FactIgnored no_rule: 40 0 240",
        "2026-07-01 PointsEarned pay 20: 40 20 260",
        "2026-07-01 TierChanged saguaro: 40 20 260",
        "2026-07-01 RewardEarned beta: 40 20 260",
        "2026-07-15 PointsActivated 20: 60 0 260",
        "2026-08-01 FactIgnored no_rule: 60 0 260",
        "2026-08-01 PointsEarned pay 30: 60 30 290",
        "2026-08-15 PointsActivated 30: 90 0 290",
        "2026-09-01 FactIgnored no_rule: 90 0 290",
        "2026-09-01 PointsEarned pay 30: 90 30 320",
        "2026-09-15 PointsActivated 30: 120 0 320",
        "2026-10-01 FactIgnored no_rule: 120 0 320",
        "2026-10-01 PointsEarned pay 30: 120 30 350",
        "2026-10-15 PointsActivated 30: 150 0 350",
        "2026-11-01 FactIgnored no_rule: 150 0 350",
        "2026-11-01 PointsEarned pay 30: 150 30 380",
        "2026-11-15 PointsActivated 30: 180 0 380",
        "2026-11-15 PointsExpired 20: 160 0 380",
        "2026-12-01 PointsEarned birthday 375: 535 0 755",
        "2026-12-01 RewardEarned five-off: 535 0 755",
        "2026-12-01 RewardEarned five-off: 535 0 755",
        "2026-12-01 PointsRedeemed 200: 335 0 755",
        "2026-12-01 PointsRedeemed 200: 135 0 755",
        "2026-12-01 PointsEarned pay 30: 135 30 785",
        "2026-12-15 PointsActivated 30: 165 0 785",
    ]


def test_yara_pays_by_the_year_and_gets_back_what_a_failed_reward_cost(
    years: dict[str, list[str]],
) -> None:
    assert years["yara"] == [
        "2025-12-05 PointsEarned welcome 100: 100 0 100",
        "2025-12-05 TierChanged seedling: 100 0 100",
        "2025-12-05 PointsEarned pay 240: 100 240 340",
        "2025-12-05 TierChanged saguaro: 100 240 340",
        "2025-12-05 RewardEarned beta: 100 240 340",
        "2025-12-19 PointsActivated 240: 340 0 340",
        "2025-12-19 RewardEarned five-off: 340 0 340",
        "2025-12-19 PointsRedeemed 200: 140 0 340",
        "2026-01-20 RewardFailed five-off: 140 0 340",
        "2026-01-20 PointsRestored 200: 340 0 340",
        "2026-03-03 PointsEarned review 75: 415 0 415",
        "2026-03-03 RewardEarned five-off: 415 0 415",
        "2026-03-03 RewardEarned five-off: 415 0 415",
        "2026-03-03 PointsRedeemed 200: 215 0 415",
        "2026-03-03 PointsRedeemed 200: 15 0 415",
        "2026-09-03 PointsExpired 15: 0 0 415",
        "2026-12-05 PointsEarned birthday 375: 375 0 790",
        "2026-12-05 RewardEarned five-off: 375 0 790",
        "2026-12-05 PointsRedeemed 200: 175 0 790",
        "2026-12-05 PointsEarned pay 360: 175 360 1150",
        "2026-12-19 PointsActivated 360: 535 0 1150",
        "2026-12-19 RewardEarned five-off: 535 0 1150",
        "2026-12-19 RewardEarned five-off: 535 0 1150",
        "2026-12-19 PointsRedeemed 200: 335 0 1150",
        "2026-12-19 PointsRedeemed 200: 135 0 1150",
    ]


def test_rex_wants_his_money_back_before_activation_after_spending_and_from_his_bank(
    years: dict[str, list[str]],
) -> None:
    assert years["rex"] == [
        "2026-01-10 PointsEarned welcome 100: 100 0 100",
        "2026-01-10 TierChanged seedling: 100 0 100",
        "2026-01-10 PointsEarned pay 90: 100 90 190",
        "2026-01-12 PointsReversed 30: 100 60 160",
        "2026-01-24 PointsActivated 60: 160 0 160",
        "2026-02-01 FactIgnored refund_parked: 160 0 160",
        "2026-02-01 PointsEarned pay 120: 160 120 280",
        "2026-02-01 PointsReversed 120: 160 0 160",
        # Had it come first, it would have lifted the tier for a moment: it was reached anew then.
        "2026-02-01 CorrectionApplied 0: 160 0 160",
        "2026-02-10 PointsEarned pay 150: 160 150 310",
        "2026-02-10 TierChanged saguaro: 160 150 310",
        "2026-02-10 RewardEarned beta: 160 150 310",
        "2026-02-24 PointsActivated 150: 310 0 310",
        "2026-02-24 RewardEarned five-off: 310 0 310",
        "2026-02-24 PointsRedeemed 200: 110 0 310",
        "2026-03-20 PointsReversed 75: 35 0 235",
        "2026-03-20 TierChanged seedling: 35 0 235",
        "2026-03-20 RewardRevoked beta: 35 0 235",
        "2026-04-20 PointsReversed 75: -40 0 160 owes 40",
        "2026-05-10 PointsEarned pay 100: -40 100 260 owes 40",
        "2026-05-10 TierChanged saguaro: -40 100 260 owes 40",
        "2026-05-10 RewardEarned beta: -40 100 260 owes 40",
        "2026-05-24 PointsActivated 100: 60 0 260",
        "2026-11-24 PointsExpired 60: 0 0 260",
    ]


def test_nobody_else_lived(years: dict[str, list[str]]) -> None:
    assert set(years) == {"mia", "yara", "rex"}
