"""When a demo may say that everything has come to rest."""

from typing import Any

import pytest

from deploy.demo.meters import Readings
from deploy.demo.rest import HOLD_SECONDS, WALKS_AFTER_THE_END, Rest
from deploy.demo.site import SiteStatus, Webhooks

QUIET = {
    "worker": 'cactus_lag_messages{topic="facts"} 0\ncactus_facts_folded_total 40\n',
    "projector": 'cactus_lag_messages{topic="points"} 0\ncactus_projected_events_total 50\n',
    "rewarder": (
        'cactus_lag_messages{topic="rewards"} 0\n'
        'cactus_rewards{state="due"} 0\ncactus_rewards{state="delivered"} 7\n'
        'cactus_reward_outcomes_total{state="delivered"} 7\n'
    ),
}


def walked(times: int) -> dict[str, str]:
    return {"poller": f'cactus_polls_total{{site="acme-test",outcome="done"}} {times}\n'}


def readings(
    changes: dict[str, str] | None = None, *, walks: int = WALKS_AFTER_THE_END
) -> Readings:
    return Readings({**QUIET, **walked(walks), **(changes or {})})


def status(**changes: Any) -> SiteStatus:
    values: dict[str, Any] = {
        "now": 9,
        "date": "2026-12-01",
        "start": 0,
        "end": 9,
        "progress": 1.0,
        "running": False,
        "over": True,
        "error": "",
        "customers": 1,
        "invoices": 1,
        "webhooks": Webhooks(),
    }
    return SiteStatus(**{**values, **changes})


def test_it_is_at_rest_once_nothing_has_moved_for_a_while() -> None:
    rest = Rest()
    rest.reached(status(), readings(walks=0), 0.0)
    assert not rest.reached(status(), readings(), 1.0)
    assert not rest.reached(status(), readings(), 1.0 + HOLD_SECONDS / 2)
    assert rest.reached(status(), readings(), 1.0 + HOLD_SECONDS)


def test_any_movement_starts_the_wait_anew() -> None:
    rest = Rest()
    rest.reached(status(), readings(walks=0), 0.0)
    rest.reached(status(), readings(), 1.0)
    moved = QUIET["worker"].replace("40", "41")
    assert not rest.reached(status(), readings({"worker": moved}), 1.0 + HOLD_SECONDS)
    assert rest.reached(status(), readings({"worker": moved}), 1.0 + 2 * HOLD_SECONDS)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"worker": 'cactus_lag_messages{topic="facts"} 3\n'}, "the worker has 3 records to read"),
        ({"projector": 'cactus_lag_messages{topic="p"} 5\n'}, "the projector has 5 records"),
        ({"rewarder": 'cactus_rewards{state="unknown"} 2\n'}, "2 rewards are on their way"),
        ({"rewarder": 'cactus_rewards{state="due"} 1\n'}, "1 rewards are on their way"),
    ],
)
def test_what_waits_anywhere_is_named(changes: dict[str, str], complaint: str) -> None:
    rest = Rest()
    rest.reached(status(), readings(walks=0), 0.0)
    assert complaint in str(rest.complaint(status(), readings(changes)))


def test_a_role_that_does_not_answer_is_not_at_rest() -> None:
    pages = {name: page for name, page in QUIET.items() if name != "worker"}
    assert Rest().complaint(status(), Readings(pages)) == "the worker does not answer"


def test_webhooks_that_wait_are_not_rest() -> None:
    complaint = Rest().complaint(status(over=False, webhooks=Webhooks(waiting=4)), readings())
    assert complaint == "4 webhooks wait to be sent"


def test_the_poller_must_have_looked_after_the_end() -> None:
    rest = Rest()
    rest.reached(status(over=False), readings(walks=3), 0.0)
    rest.reached(status(), readings(walks=5), 1.0)
    complaint = "the poller looks for what webhooks lost"
    assert rest.complaint(status(), readings(walks=6)) == complaint
    assert rest.complaint(status(), readings(walks=7)) is None
