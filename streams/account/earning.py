"""What a rule gives for a fact, with multipliers, one rounding, carry, limit and cap. PURE.

All arithmetic is on whole numerators and denominators; nothing is rounded before the end.
"""

from typing import Final

from schemas import ids
from schemas.facts import PaymentSucceeded
from schemas.points import Money, Multiplier, PointsEarned
from schemas.program.expressions import Condition, Failed
from streams.account import limits, pulls
from streams.account.compiled import (
    CompiledLimit,
    CompiledProgram,
    CompiledRule,
    Ratio,
    exact_text,
    reduced,
)
from streams.account.state import Counter, Earning
from streams.account.turn import Turn

NOTHING: Final[Ratio] = (0, 1)


def earn(turn: Turn, trigger: str, at: int, *, event: str | None = None) -> None:
    """Let every rule of a trigger earn, in program order. `event` is a custom event's name."""
    assert turn.program is not None
    if turn.trace is not None:
        turn.trace.pull(trigger, event)
    for rule in turn.program.rules.get(trigger, ()):
        if rule.event == event:
            apply_rule(turn, rule, trigger, at)


def apply_rule(turn: Turn, rule: CompiledRule, trigger: str, at: int) -> None:
    program = turn.program
    assert program is not None
    if turn.trace is not None:
        turn.trace.rule(rule, trigger)
    if rule.condition is not None and not holds(turn, rule.id, rule.condition, trigger):
        return
    count = pulls.count(turn, rule) if rule.counts_pulls else 0
    if rule.counts_pulls and count == 0:
        return
    counter = turn.counter(rule.id) if rule.counted else turn.memory.counters.get(rule.id)
    if rule.limit and counter is not None and not allows(turn, rule.id, rule.limit, counter, at):
        return
    base = _base(turn, rule, trigger)
    if base is None:
        return
    exact, multipliers = _multiply(turn, rule, trigger, at, base)
    carried = counter.remainder if program.carries and counter is not None else NOTHING
    exact = _sum(exact, carried)
    wanted = _round(program.rounding, exact)
    given = wanted if counter is None else _clamp(program, rule, counter, at, wanted)
    if turn.trace is not None:
        turn.trace.points(rule, program, counter, at, exact, wanted=wanted, given=given)
    if program.carries:
        _carry(turn, rule, counter, (exact[0] - wanted * exact[1], exact[1]))
    if given <= 0:
        _note_nothing(turn, rule, exact, wanted)
        return
    if counter is not None:
        _count(program, rule, counter, at, given)
    _credit(
        turn,
        rule,
        trigger,
        at,
        exact,
        carried=carried,
        multipliers=multipliers,
        given=given,
        wanted=wanted,
        count=count,
    )


def _carry(turn: Turn, rule: CompiledRule, counter: Counter | None, remainder: Ratio) -> None:
    """Most rules leave nothing over, ever: those need no counter for it."""
    if counter is not None or remainder[0]:
        counter = counter or turn.counter(rule.id)
        counter.remainder = reduced(*remainder)


def holds(turn: Turn, name: str, condition: Condition, trigger: str) -> bool:
    """Whether a condition holds here; says in a note why not."""
    result = condition.holds(turn.given(trigger))
    if turn.trace is not None:
        turn.trace.condition(name, condition, turn.given(trigger), result=result)
    if result is True:
        return True
    if isinstance(result, Failed):
        turn.note(result.reason, f"{name}: {result.detail}", loud=True)
    else:
        turn.note("condition_not_met", f"{name}: {condition.text}")
    return False


def allows(turn: Turn, name: str, limit: CompiledLimit, counter: Counter, at: int) -> bool:
    """Whether a limit allows one more at the instant; says in a note why not."""
    program = turn.program
    assert program is not None
    refused = limits.refusal(limit, counter, at, program)
    if turn.trace is not None:
        turn.trace.limit(name, limit, counter, at, program, refused=refused)
    if refused is None:
        return True
    turn.note("limit_reached", f"{name}: {refused}")
    return False


def _base(turn: Turn, rule: CompiledRule, trigger: str) -> Ratio | None:
    """Points before multipliers, or None with a note where the rule has nothing to say."""
    if rule.per_minor is not None:
        return _per_amount(turn, rule)
    if rule.flat is not None:
        return rule.flat, 1
    if rule.per_quantity is not None:
        return _quantity(turn) * rule.per_quantity, 1
    assert rule.formula is not None
    points = rule.formula.points(turn.given(trigger))
    if isinstance(points, Failed):
        turn.note(points.reason, f"{rule.id}: {points.detail}", loud=True)
        return None
    return points.numerator, points.denominator


def _per_amount(turn: Turn, rule: CompiledRule) -> Ratio | None:
    payment = turn.payment
    assert payment is not None, "the model allows amounts on payments only"
    assert rule.per_minor is not None
    per = rule.per_minor.get(payment.currency)
    if per is None:
        turn.note("currency_not_listed", f"{rule.id}: no amount for {payment.currency}")
        return None
    amount = payment.amount_minor
    if rule.exclude_tax:
        amount = max(0, amount - (payment.tax_minor or 0))
    return amount * rule.award, per


def _quantity(turn: Turn) -> int:
    if turn.payment is not None:
        return turn.payment.quantity
    return turn.subscription.quantity if turn.subscription is not None else 0


def _multiply(
    turn: Turn, rule: CompiledRule, trigger: str, at: int, base: Ratio
) -> tuple[Ratio, tuple[Multiplier, ...]]:
    """Every open multiplier and the tier's, or only the best of them, as the program stacks."""
    program = turn.program
    assert program is not None
    if turn.trace is not None:
        turn.trace.base(rule, base, turn.given(trigger), turn.payment, _quantity(turn))
    factors = [
        (each.applied, each.ratio)
        for each in rule.multipliers
        if each.is_open(at)
        and (each.condition is None or holds(turn, each.id, each.condition, trigger))
    ]
    if program.tiers is not None:
        level = program.tiers.levels[program.tiers.index.get(turn.ledger.tier, 0)]
        if level.applied is not None:
            factors.append((level.applied, level.ratio))
    held = factors
    if factors and not program.stacks:
        factors = [max(factors, key=lambda factor: factor[1][0] / factor[1][1])]
    if turn.trace is not None:
        turn.trace.multipliers(rule, at, base, held, factors)
    if not factors:
        return base, ()
    numerator, denominator = base
    for _, ratio in factors:
        numerator, denominator = numerator * ratio[0], denominator * ratio[1]
    return (numerator, denominator), tuple(multiplier for multiplier, _ in factors)


def _sum(one: Ratio, other: Ratio) -> Ratio:
    if other[0] == 0:
        return one
    return one[0] * other[1] + other[0] * one[1], one[1] * other[1]


def _round(mode: str, exact: Ratio) -> int:
    """As `schemas.program.amounts.round_points`, but never below nothing: what rounding up gave
    too early is carried until later facts have made up for it.
    """
    numerator, denominator = exact
    if numerator <= 0:
        return 0
    if mode == "floor":
        return numerator // denominator
    if mode == "ceil":
        return -(-numerator // denominator)
    return (2 * numerator + denominator) // (2 * denominator)


def _clamp(
    program: CompiledProgram, rule: CompiledRule, counter: Counter, at: int, wanted: int
) -> int:
    if rule.cap is None or rule.cap_per is None:
        return wanted
    left = rule.cap - limits.used_in(counter.points, program.period_key(at, rule.cap_per))
    return min(wanted, max(0, left))


def _note_nothing(turn: Turn, rule: CompiledRule, exact: Ratio, wanted: int) -> None:
    if wanted > 0:
        turn.note("cap_reached", f"{rule.id}: wanted {wanted}, the cap left 0", loud=True)
    else:
        text = exact_text(exact[0], exact[1])
        turn.note("rounds_to_nothing", f"{rule.id}: {text} makes no whole point", loud=True)


def _count(
    program: CompiledProgram, rule: CompiledRule, counter: Counter, at: int, given: int
) -> None:
    if rule.limit:
        limits.count(rule.limit, counter, at, program)
    if rule.cap_per is not None:
        counter.points = limits.add(counter.points, program.period_key(at, rule.cap_per), given)


def _credit(
    turn: Turn,
    rule: CompiledRule,
    trigger: str,
    at: int,
    exact: Ratio,
    *,
    carried: Ratio,
    multipliers: tuple[Multiplier, ...],
    given: int,
    wanted: int,
    count: int,
) -> None:
    program, payment = turn.program, turn.payment
    assert program is not None
    available_at = at if rule.pending_for is None else program.later(at, rule.pending_for)
    turn.lifetime += given
    absorbed = 0
    if available_at <= at:
        absorbed = turn.absorb(given)
    else:
        turn.pending += given
    turn.credited = True
    lot = ids.lot(turn.digest, rule.digest)
    turn.emit(
        PointsEarned(
            site=turn.site,
            customer=turn.customer,
            sequence=turn.sequence + 1,
            cause=turn.cause(trigger),
            occurred_at=at,
            balance=turn.balance,
            pending=turn.pending,
            lifetime=turn.lifetime,
            deficit=turn.deficit,
            program=program.id,
            program_version=program.version,
            rule=rule.id,
            points=given,
            unrounded=exact_text(exact[0], exact[1]),
            lot=ids.lot_text(lot),
            available_at=available_at,
            expires_at=None if rule.activates_on else program.expires_at(available_at),
            base=None if payment is None else _money(payment),
            multipliers=multipliers,
            wanted=None if wanted == given else wanted,
            absorbed=absorbed,
            carried=exact_text(*carried) if carried[0] else "",
            count=count,
            promotional=rule.promotional,
            activates_on=rule.activates_on,
        )
    )
    turn.earnings.append(Earning(rule.id, lot, given))


def _money(payment: PaymentSucceeded) -> Money:
    return Money(amount_minor=payment.amount_minor, currency=payment.currency)
