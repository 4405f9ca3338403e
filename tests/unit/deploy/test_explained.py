"""An explainer beside a simulation: what came again, and what a late fact put in order."""

from deploy.simulation.explained import Explainer
from schemas.codec import POINTS
from schemas.points import AnyPointsEvent, Cause, CorrectionApplied
from streams.account.programs import Programs
from streams.account.storing import encode_account
from tests.support.story import DAY, T0, paid, story


def correction(of: str, customer: str = "ann", points: int = -40) -> CorrectionApplied:
    return CorrectionApplied(
        site="acme-test",
        customer=customer,
        sequence=7,
        cause=Cause(fact="payment:t2:inv_t2", trigger="correction", offset=9),
        occurred_at=T0 + DAY,
        balance=0,
        pending=0,
        lifetime=0,
        deficit=0,
        points=points,
        lifetime_points=points,
        corrected=(of,),
        detail="the renewal came after the payment",
    )


def followed(explainer: Explainer, *events: AnyPointsEvent) -> None:
    explainer.follow(POINTS.encode(event) for event in events)


def test_what_a_late_fact_changed_is_told_after_the_explanation() -> None:
    fact = paid("t1", 1_000)
    explainer = Explainer(fact.id)
    explainer.watch(fact, 0, None, story().programs)
    followed(explainer, correction(fact.id), correction(fact.id, "bob"), correction("other"))
    [explained] = explainer.explanations()
    assert explained.corrected_by == [correction(fact.id)]
    assert explained.sentences[-1] == (
        "On 2 Dec 2025: Earlier facts were put in order (the renewal came after the payment): "
        "your points change by -40."
    )


def test_a_correction_of_no_points_says_that_they_stay() -> None:
    fact = paid("t1", 1_000)
    explainer = Explainer(fact.id)
    explainer.watch(fact, 0, None, Programs())
    followed(explainer, correction(fact.id, points=0))
    assert explainer.explanations()[0].sentences[-1].endswith("your points stay as they were.")


def test_the_account_is_read_as_it_stood_before_and_left_alone() -> None:
    told = story()
    told.paid("t1", 1_000)
    state = encode_account(told.account)
    fact = paid("t2", 500)
    explainer = Explainer(fact.id)
    explainer.watch(fact, 1, state, told.programs)
    explainer.watch(fact, 2, state, told.programs)
    explainer.watch(fact, 3, state, told.programs)
    [explained] = explainer.explanations()
    assert explained.sentences[-2:] == [
        "You can spend 15 points now.",
        "It was told 2 times more, which changed nothing.",
    ]
    assert explained.repeats == 2
    assert encode_account(told.account) == state
