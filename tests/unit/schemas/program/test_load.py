"""A program's text: what is read, and every mistake with its line and remedy."""

from pathlib import Path
from typing import Any

import pytest

import deploy
from schemas.program.load import Problem, ProgramRefusedError, load_program
from schemas.program.model import Program
from schemas.program.properties import named_properties
from schemas.program.rules import PerAmount
from schemas.program.words import describe

SAMPLES = Path(deploy.__file__).parent / "programs"

DESIGNED = """\
program: spikes            # id; versions are numbered on publish
site: acme-test
timezone: Europe/Berlin
effective_from: 2026-12-01T00:00
points: {name: spikes, rounding: floor, carry_remainder: true}
expiry: {after: P12M, round_up_to: month}
earn:
  - {id: welcome,  on: subscription_created, points: 500}
  - id: pay
    on: payment_succeeded
    points: {per: {USD: "1.00", EUR: "0.90"}, award: 1}
    when: subscription.plan.startsWith("pro")
    activate_after: P14D
    cap: {points: 5000, per: month}
  - {id: climb,    on: plan_upgraded,        points: 1000}
  - {id: birthday, on: annual_renewal,       points: 2500}
  - id: review
    on: custom
    event: review_submitted
    points: "event.stars * 50"
    limit: {count: 1, per: month}
multipliers:
  - id: black-friday
    factor: "2"
    on: [payment_succeeded]
    from: 2026-11-27T00:00
    to: 2026-12-01T00:00
tiers:
  basis: points_earned
  window: P12M
  levels:
    - {id: seedling}
    - {id: saguaro, at: 2000, multiplier: "1.25"}
    - {id: golden-barrel, at: 10000, multiplier: "1.5"}
rewards:
  - id: five-off
    when: {balance: 1000, repeat: every}
    cost: 1000
    discount: {amount: {USD: "5.00"}, via: promotional_credit}
  - {id: beta, when: {tier: saguaro}, feature: {id: beta-access, while_in_tier: true}}
  - {id: tree, when: {lifetime: 25000}, charity: {webhook: trees, payload: {trees: 1}}}
"""

DAILY = "{rule: FREQ=DAILY, start: 2026-01-01T00:00, duration: PT1H}"

SMALL = """\
program: small
site: acme-test
earn:
  - {id: pay, on: payment_succeeded, points: {per: {USD: "1.00"}}}
"""


def problems(text: str) -> list[Problem]:
    with pytest.raises(ProgramRefusedError) as refused:
        load_program(text)
    return refused.value.problems


def only(text: str) -> Problem:
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def rule(text: str) -> str:
    return SMALL + f"  - {text}\n"


def test_the_designed_program_loads() -> None:
    program = load_program(DESIGNED)

    assert program.effective_at() == 1_796_079_600
    assert program.earn[1].points == PerAmount(per={"USD": "1.00", "EUR": "0.90"})
    assert program.earn[4].points == "event.stars * 50"
    assert program.multipliers[0].from_ is not None
    assert named_properties(program, "review_submitted") == {"stars"}
    assert named_properties(program, "other") == frozenset()


@pytest.mark.parametrize("text", [DESIGNED, SMALL])
def test_a_program_survives_being_stored(text: str) -> None:
    program = load_program(text)
    assert Program.model_validate(program.document()) == program


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_sample_loads_and_can_be_said_in_words(path: Path) -> None:
    program = load_program(path.read_text())

    described = {name for _, name, _ in describe(program)}
    assert {each.id for each in program.earn} <= described
    assert {each.id for each in program.rewards} <= described


def test_the_demo_program_pulls_every_trigger() -> None:
    program = load_program((SAMPLES / "spikes.yaml").read_text())

    field = Program.model_fields["earn"].annotation
    assert field is not None
    every = set(Program.model_json_schema()["$defs"]["EarnRule"]["properties"]["on"]["enum"])
    assert {each.on for each in program.earn} == every


def test_all_mistakes_are_told_at_once_in_the_order_of_the_text() -> None:
    text = DESIGNED.replace("rounding: floor", "rounding: flor").replace("P14D", "14 days")
    text = text.replace("tier: saguaro}", "tier: saguarro}").replace("site: acme-test", "sitee: a")

    assert [(each.line, each.path) for each in problems(text)] == [
        (1, "site"),
        (2, "sitee"),
        (5, "points.rounding"),
        (13, "earn[1].activate_after"),
        (40, "rewards[1].when.tier"),
    ]


@pytest.mark.parametrize(
    ("text", "path", "place", "said"),
    [
        ("{id: a, on: plan_upgarded, points: 1}", "earn[1].on", (5, 17), "mean plan_upgraded"),
        ("{id: a, on: plan_upgraded, pionts: 1, points: 1}", "earn[1].pionts", (5, 32), "points?"),
        ("{id: a, on: plan_upgraded}", "earn[1].points", (5, 5), "points: 500"),
        ("{id: a, on: plan_upgraded, points: 0}", "earn[1].points", (5, 40), "from 1 to"),
        ("{id: a, on: plan_upgraded, points: 1.5}", "earn[1].points", (5, 40), "whole points"),
        ("{id: A_b, on: plan_upgraded, points: 1}", "earn[1].id", (5, 10), "lower-case"),
        ("{id: pay, on: plan_upgraded, points: 1}", "earn[1].id", (5, 10), "used twice"),
        ("{id: a, on: custom, points: 1}", "earn[1]", (5, 5), "needs the `event`"),
        ("{id: a, on: plan_upgraded, event: x, points: 1}", "earn[1]", (5, 5), "only for `on"),
        (
            "{id: a, on: payment_succeeded, points: {per: {USD: 1.50}}}",
            "earn[1].points.per.USD", (5, 56), 'in quotes, so that no digit is lost: "1.50"',
        ),
        (
            '{id: a, on: payment_succeeded, points: {per: {USD: "1.505"}}}',
            "earn[1].points.per", (5, 50), "at most 2 decimals",
        ),
        (
            "{id: a, on: payment_succeeded, points: {per: {}}}",
            "earn[1].points.per", (5, 50), "empty",
        ),
        (
            '{id: a, on: payment_succeeded, points: {per: {USD: "1"}, awrd: 2}}',
            "earn[1].points.awrd", (5, 62), "did you mean award?",
        ),
        (
            '{id: a, on: plan_upgraded, points: {per: {USD: "1"}}}',
            "earn[1]", (5, 5), "need a payment",
        ),
        (
            "{id: a, on: custom, event: x, points: {per_quantity: 2}}",
            "earn[1]", (5, 5), "has no quantity",
        ),
        (
            '{id: a, on: custom, event: x, points: "event.stars * fifty"}',
            "earn[1].points", (5, 58), '"fifty" is not known',
        ),
        (
            "{id: a, on: plan_upgraded, points: 1, when: subscription.paln == 'x'}",
            "earn[1].when", (5, 62), "did you mean plan?",
        ),
        (
            "{id: a, on: plan_upgraded, points: 1, when: payment.on_time}",
            "earn[1].when", (5, 49), "only known on",
        ),
        ("{id: a, on: plan_upgraded, points: 1, trial: wait}", "earn[1]", (5, 5), "trial: wait"),
        ("{id: a, on: plan_upgraded, points: 1, limit: {}}", "earn[1].limit", (5, 50), "count"),
        (
            "{id: a, on: plan_upgraded, points: 1, limit: {count: 0}}",
            "earn[1].limit.count", (5, 58), "1 or more",
        ),
        (
            "{id: a, on: plan_upgraded, points: 1, limit: {cooldown: 1 day}}",
            "earn[1].limit.cooldown", (5, 61), "P14D (14 days)",
        ),
        (
            "{id: a, on: plan_upgraded, points: 1, cap: {points: 5, per: fortnight}}",
            "earn[1].cap.per", (5, 65), "write one of day, week, month, quarter, year",
        ),
        ("{id: a, on: plan_upgraded, points: true}", "earn[1].points", (5, 40), "whole points"),
        ("{id: a, on: [plan_upgraded], points: 1}", "earn[1].on", (5, 17), "write one of"),
        (
            "{id: a, on: plan_upgraded, points: 1, when: change.knd == 'plan'}",
            "earn[1].when", (5, 56), "did you mean kind?",
        ),
        (
            "{id: a, on: subscription_renewed, points: change.difference_minor}",
            "earn[1].points", (5, 47), "only known on plan_downgraded, plan_upgraded",
        ),
        ("{id: a, on: first_payment, points: 1, nth: 0}", "earn[1].nth", (5, 48), "1 or more"),
        ("{id: a, on: first_payment, points: 1, every: 1}", "earn[1].every", (5, 50), "2 or more"),
        ("{id: a, on: on_time_payment, points: 1, streak: 1}", "earn[1].streak", (5, 53), "2 or"),
        (
            "{id: a, on: on_time_payment, points: 1, nth: 2, streak: 3}",
            "earn[1]", (5, 5), "write one of nth, every and streak; here is nth and streak",
        ),
        (
            "{id: a, on: payment_succeeded, points: 1, streak: 3}",
            "earn[1]", (5, 5), "only for `on: on_time_payment`; write `every`",
        ),
        (
            "{id: a, on: plan_downgraded, points: 1, clawback_within: P30D}",
            "earn[1]", (5, 5), "only for `on: plan_upgraded`",
        ),
        (
            "{id: a, on: plan_upgraded, points: 1, clawback_within: 30 days}",
            "earn[1].clawback_within", (5, 60), "P14D (14 days)",
        ),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_is_told_with_its_place_and_remedy(
    text: str, path: str, place: tuple[int, int], said: str
) -> None:
    problem = only(rule(text))

    assert problem.path == path
    assert (problem.line, problem.column) == place
    assert said in problem.message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "{id: a, on: payment_succeeded, points: 5, nth: 3}",
            "when a payment succeeds, the 3rd time only: 5 points",
        ),
        (
            "{id: a, on: custom, event: visit, points: 5, every: 11}",
            "when the event visit arrives, every 11th time: 5 points",
        ),
        (
            "{id: a, on: on_time_payment, points: 5, streak: 22, limit: {count: 1}}",
            "when a payment is on time, 22 times in a row: 5 points, once ever",
        ),
        (
            "{id: a, on: plan_upgraded, points: 5, nth: 2, clawback_within: P30D}",
            (
                "when a plan is upgraded, the 2nd time only: 5 points, "
                "taken back if downgraded or cancelled within P30D"
            ),
        ),
    ],
)
def test_what_a_rule_counts_and_takes_back_can_be_said_in_words(text: str, said: str) -> None:
    sentences = {name: sentence for _, name, sentence in describe(load_program(rule(text)))}
    assert sentences["a"] == said


@pytest.mark.parametrize(
    ("part", "path", "said"),
    [
        ("timezone: Europe/Berln", "timezone", "IANA"),
        ("effective_from: 2026-12-01T00:00:00Z", "effective_from", "without an offset"),
        ("effective_from: tomorrow", "effective_from", "2026-11-27T00:00"),
        ("effective_from: 5", "effective_from", "local date"),
        ("expiry: {after: P0D}", "expiry.after", "no time at all"),
        ("expiry: P12M", "expiry", "map"),
        ("plan_ranking: [basic, pro, basic]", "plan_ranking[2]", "used twice"),
        ('multipliers: [{id: a, factor: "0"}]', "multipliers[0].factor", "above 0"),
        ("multipliers: [{id: a, factor: 2}]", "multipliers[0].factor", "in quotes"),
        (
            'multipliers: [{id: a, factor: "2", from: 2026-02-01T00:00, to: 2026-01-01T00:00}]',
            "multipliers[0]",
            "`from` must be before `to`",
        ),
        (
            f'multipliers: [{{id: a, factor: "2", to: 2026-01-01T00:00, recurrence: {DAILY}}}]',
            "multipliers[0]",
            "not both",
        ),
        (
            f'multipliers: [{{id: a, factor: "2", recurrence: {DAILY.replace("DAI", "HOUR")}}}]',
            "multipliers[0].recurrence",
            "DAILY",
        ),
        ("tiers: {levels: []}", "tiers.levels", "empty"),
        ("tiers: {levels: [{id: a, at: 5}]}", "tiers.levels", "leave its `at` out"),
        ("tiers: {levels: [{id: a}, {id: b}]}", "tiers.levels", "upwards"),
        ("tiers: {levels: [{id: a}, {id: a, at: 1}]}", "tiers.levels[1].id", "used twice"),
        ("tiers: {basis: spend, levels: [{id: a}]}", "tiers", "needs the `currency`"),
        ("tiers: {currency: USD, levels: [{id: a}]}", "tiers", "only for `basis: spend`"),
        ("tiers: {window: year, levels: [{id: a}]}", "tiers.window", "membership_year"),
        ("tiers: {grace: 3 days, levels: [{id: a}]}", "tiers.grace", "ISO 8601"),
        ("tiers: {minimum_stay: P0D, levels: [{id: a}]}", "tiers.minimum_stay", "no time at all"),
        ("tiers: {grace: P1M, levels: [{id: a}]}", "tiers", "`window: lifetime` takes nothing"),
        (
            "tiers: {grace: P1M, window: P1Y, downgrade: never, levels: [{id: a}]}",
            "tiers",
            "`downgrade: never` takes nothing",
        ),
        ("retired: soon", "retired", "true or false"),
        ("rewards: [{id: a, when: {tier: x}, free_days: 3}]", "rewards[0].when.tier", "no tier x"),
        ("rewards: [{id: a, when: {}, free_days: 3}]", "rewards[0].when", "here is none"),
        (
            "rewards: [{id: a, when: {balance: 5, lifetime: 5}, free_days: 3}]",
            "rewards[0].when",
            "here is balance and lifetime",
        ),
        ("rewards: [{id: a, when: {balance: 5}}]", "rewards[0]", "exactly one of discount"),
        (
            "rewards: [{id: a, when: {on: plan_upgraded, repeat: every}, free_days: 3}]",
            "rewards[0].when",
            "only for balance and lifetime",
        ),
        (
            "rewards: [{id: a, when: {balance: 5, limit: {count: 1}}, free_days: 3}]",
            "rewards[0].when",
            "`limit` is only for rewards fired by `on` or by `request`",
        ),
        (
            "rewards: [{id: a, when: {balance: 5}, cost: 6, free_days: 3}]",
            "rewards[0]",
            "above the balance",
        ),
        (
            "rewards: [{id: a, when: {balance: 5}, discount: {via: coupon}}]",
            "rewards[0].discount",
            "either an amount",
        ),
        (
            (
                "rewards: [{id: a, when: {tier: a}, "
                'discount: {percent: "5", via: promotional_credit}}]'
            ),
            "rewards[0].discount",
            "only given by a coupon",
        ),
        (
            'rewards: [{id: a, when: {balance: 5}, discount: {via: coupon, percent: "101"}}]',
            "rewards[0].discount.percent",
            "up to 100",
        ),
        (
            "rewards: [{id: a, when: {balance: 5}, feature: {id: x, while_in_tier: true}}]",
            "rewards[0]",
            "needs a reward that a tier fires",
        ),
        (
            "rewards: [{id: a, when: {balance: 5, event: x}, free_days: 3}]",
            "rewards[0].when",
            "`event` is only for rewards fired by `on: custom`",
        ),
        (
            "rewards: [{id: a, when: {request: true, balance: 5}, free_days: 3}]",
            "rewards[0].when",
            "exactly one of balance, lifetime, tier, on or request; here is balance and request",
        ),
        (
            "rewards: [{id: a, when: {request: false}, free_days: 3}]",
            "rewards[0].when",
            "here is none",
        ),
        (
            "rewards: [{id: a, when: {request: please}, free_days: 3}]",
            "rewards[0].when.request",
            "write true or false",
        ),
        (
            "rewards: [{id: a, when: {request: true, when: payment.amount > 5.0}, free_days: 3}]",
            "rewards[0].when.when",
            '"payment" is only known on',
        ),
        (
            "rewards: [{id: a, when: {request: true}, on_refund: revoke, free_days: 3}]",
            "rewards[0]",
            "no refund undoes what fires this reward",
        ),
        (
            "rewards: [{id: a, when: {on: plan_upgraded}, on_refund: revoke, free_days: 3}]",
            "rewards[0]",
            "first_payment, on_time_payment, payment_succeeded",
        ),
        (
            "rewards: [{id: a, when: {balance: 5}, on_refund: take, free_days: 3}]",
            "rewards[0].on_refund",
            "write one of keep, revoke",
        ),
        ("refunds: {negative: never}", "refunds.negative", "write one of allow"),
        ("points: {carry_remainder: yes please}", "points.carry_remainder", "true or false"),
    ],
)
def test_a_mistake_elsewhere_is_told_with_its_path_and_remedy(
    part: str, path: str, said: str
) -> None:
    problem = only(SMALL + part + "\n")

    assert problem.path == path
    assert said in problem.message
    assert problem.line == 5


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "start with program: spikes"),
        ("- a\n- b\n", 1, "a program is a map"),
        ("just text", 1, "a program is a map"),
        (SMALL + "site: other\n", 5, "stands here twice"),
        ("a: &x [1]\nb: *x\n", 1, "anchors and aliases"),
        ("a: {<<: {b: 1}}\n", 1, "plain word"),
        ("a: !!python/object:os.system x\n", 1, "tags"),
        ("a: [1\nb: 2", 2, "this is not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "this is not YAML"),
        ("a: " + "[" * 40 + "]" * 40, 1, "deep"),
        ("a: " + "[" * 5000, 1, "deep"),
        ("a: \x00", 1, "this is not YAML"),
        ("#" + "x" * 300_000, 1, "longer than"),
        ("? [a, b]\n: 1\n", 1, "plain word"),
        ("a:\tb: c", 1, "this is not YAML"),
    ],
)
def test_what_is_no_plain_yaml_is_refused(text: str, line: int, said: str) -> None:
    found = problems(text)

    assert found[0].line == line
    assert said in found[0].message


def test_a_catalogue_and_what_a_refund_takes_back_are_said_in_words() -> None:
    program = load_program(
        SMALL
        + """\
points: {name: spikes}
rewards:
  - id: mug
    when: {request: true, when: account.lifetime > 100, limit: {count: 1, per: month}}
    cost: 50
    free_days: 3
  - {id: five, when: {balance: 100}, cost: 100, on_refund: revoke, free_days: 1}
"""
    )

    assert [words for kind, _, words in describe(program) if kind == "reward"] == [
        "on request, if account.lifetime > 100, once per month: 3 free days for 50 spikes",
        (
            "the first time the balance reaches 100 spikes: 1 free days for 100 spikes, "
            "taken back when a refund undoes it"
        ),
    ]


def test_numbers_and_dates_that_yaml_would_guess_stay_as_written() -> None:
    text = SMALL + "effective_from: 2026-12-01 00:00:00\n"
    assert str(load_program(text).effective_from) == "2026-12-01 00:00:00"


def test_on_is_a_word_and_not_a_truth() -> None:
    """YAML 1.1 reads `on` as true; then no rule could name its trigger."""
    assert load_program(SMALL).earn[0].on == "payment_succeeded"


def test_a_program_may_have_two_hundred_rules_and_no_more() -> None:
    line = "  - {id: r%d, on: plan_upgraded, points: 1}\n"
    many = SMALL + "".join(line % number for number in range(199))

    assert len(load_program(many).earn) == 200
    assert "at most 200" in only(many + line % 999).message


def test_every_part_is_frozen() -> None:
    program: Any = load_program(SMALL)
    with pytest.raises(ValueError, match="frozen"):
        program.earn[0].id = "other"


def test_only_a_retired_program_may_have_no_rules() -> None:
    text = "program: small\nsite: acme\n"
    assert only(text).message.startswith('the key "earn" is missing; write for example')
    assert "empty" in only(text + "earn: []\n").message
    assert "empty" in only(text + "retired: false\nearn: []\n").message
    program = load_program(text + "retired: true\n")
    assert program.earn == ()
    assert Program.model_validate(program.document()) == program
    assert describe(program)[0][0] == "retired"


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", "from 100 points earned ever"),
        ("window: membership_year, ", "from 100 points earned in a year of membership"),
        ("basis: spend, currency: USD, window: P6M, ", "from 1.00 USD paid within P6M"),
        ("", "once reached, kept; only a refund of what it rests on takes it away"),
        (
            "window: P6M, downgrade: one_down, grace: P1M, minimum_stay: P3M, ",
            "reviewed at P6M after it was reached: one level down, P1M later, not before P3M in it",
        ),
        (
            "window: calendar_year, ",
            "reviewed at the end of each calendar year: down to what is supported",
        ),
    ],
)
def test_how_tiers_are_reached_and_lost_is_told_in_words(more: str, said: str) -> None:
    text = SMALL + f"tiers: {{{more}levels: [{{id: low}}, {{id: mid, at: 100}}]}}\n"
    assert said in [
        sentence for kind, _, sentence in describe(load_program(text)) if kind == "tier"
    ]


def reward(grant: str) -> str:
    return SMALL + f"rewards:\n  - {{id: gift, when: {{balance: 10}}, {grant}}}\n"


@pytest.mark.parametrize(
    "grant",
    [
        "gift_card: {webhook: cards}",
        'gift_card: {via: tremendous, amount: {USD: "10.00"}, products: [AMAZON]}',
        'charity: {via: tremendous, amount: {USD: "10.00"}, campaign: THANKS}',
    ],
)
def test_a_gift_comes_by_webhook_or_by_order(grant: str) -> None:
    assert load_program(reward(grant)).rewards[0].id == "gift"


@pytest.mark.parametrize(
    ("grant", "path", "said"),
    [
        ("gift_card: {via: tremendos, amount: {USD: '1.00'}, campaign: C}", "via", "tremendous"),
        ("gift_card: {via: tremendous, campaign: C}", "amount", "missing"),
        ("gift_card: {via: tremendous, amount: {USD: '1.00'}}", "", "products to choose from"),
        ("gift_card: {via: tremendous, amount: {USD: '1.00'}, campain: C}", "campain", "campaign?"),
        ("gift_card: {webhok: cards}", "webhok", "mean webhook"),
    ],
)
def test_a_mistake_in_a_gift_is_told_about_its_own_form(grant: str, path: str, said: str) -> None:
    found = problems(reward(grant))
    wanted = "rewards[0].gift_card" + (f".{path}" if path else "")
    assert any(each.path == wanted and said in each.message for each in found), found
