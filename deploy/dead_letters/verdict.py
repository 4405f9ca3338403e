"""What this version of the code makes of a dead letter. PURE."""

from connectors.chargebee.translate import translate
from deploy.dead_letters.letters import Letter
from schemas import bounds, ids
from schemas.codec import FACTS, REWARDS, DecodeError, decode_custom
from schemas.facts import CustomEventReceived, ProgramPublished
from schemas.topics import HEADER_SITE, Topics
from schemas.translation import UntranslatableError
from streams.account.programs import Programs, UnusableProgramError

Refusal = str
"""Why it would come back to the DLQ; empty where it would pass."""


def refusal(letter: Letter, topics: Topics) -> Refusal:
    """Tried as its stage would try it, without doing anything."""
    checks = {
        topics.raw: _translate,
        topics.custom: _custom,
        topics.facts: _fact,
        topics.rewards: _command,
    }
    check = checks.get(letter.topic)
    if check is None:
        return f"nothing of ours reads {letter.topic or 'the topic it came from'}"
    try:
        check(letter)
    except (UntranslatableError, DecodeError, UnusableProgramError) as no:
        return str(no)
    return ""


def _translate(letter: Letter) -> None:
    site = dict(letter.headers).get(HEADER_SITE)
    if not site or not site.isascii():
        raise UntranslatableError("the record does not say its site in a header")
    for fact in translate(letter.value, site.decode()).facts:
        bounds.check(fact)


def _custom(letter: Letter) -> None:
    event = decode_custom(letter.value)
    bounds.check(
        CustomEventReceived(
            id=ids.custom(event.id),
            site=event.site,
            customer=event.customer,
            occurred_at=event.occurred_at,
            name=event.name,
        )
    )


def _fact(letter: Letter) -> None:
    fact = FACTS.decode(letter.value)
    bounds.check(fact)
    if isinstance(fact, ProgramPublished):
        Programs().with_published(fact)
    elif letter.key != ids.account_key(fact.site, fact.customer).encode():
        raise DecodeError("it lies under another key than its account's")


def _command(letter: Letter) -> None:
    REWARDS.decode(letter.value)
