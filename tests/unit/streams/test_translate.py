"""The translate stage: what it writes, what it buries, and when it says that it is done."""

import asyncio
from dataclasses import replace

import pytest
from aiokafka.errors import KafkaTimeoutError

from connectors.chargebee.translate import translate
from schemas import ids
from schemas.codec import FACTS
from schemas.facts import CustomEventReceived, PaymentSucceeded
from schemas.topics import HEADER_SITE, Topics
from streams.core.batches import Record
from streams.translate import Translator
from tests.support import chargebee
from tests.support.producer import HoldingProducer
from tests.support.records import TIMESTAMP_MS, record
from tests.support.waiting import eventually

TOPICS = Topics()
SITE = [(HEADER_SITE, b"acme")]
PAYMENT = chargebee.body(chargebee.payment_succeeded())
CUSTOM = (
    b'{"id":"r1","site":"acme","customer":"ann","name":"review","occurred_at":1764547200,'
    b'"properties":{"stars":5,"email":"ann@example.org"}}'
)


def translator(producer: HoldingProducer) -> Translator:
    return Translator(
        topics=TOPICS,
        producer=producer,
        translate=translate,
        named_properties=lambda site, name: frozenset({"stars"} if name == "review" else ()),
        code_version="0.1.0",
    )


def raw(value: bytes | None, headers: list[tuple[str, bytes]] = SITE) -> Record:
    return record(7, value, topic=TOPICS.raw, headers=headers)


def custom(value: bytes) -> Record:
    return record(8, value, topic=TOPICS.custom)


async def written(translating: Translator, *records: Record) -> None:
    """Return when a batch is written."""
    await (await translating.take(records))


async def take(*records: Record) -> HoldingProducer:
    """What one batch makes of them, with a Kafka that answers at once."""
    producer = HoldingProducer()
    taking = asyncio.create_task(written(translator(producer), *records))
    while not taking.done():
        producer.answer_all()
        await asyncio.sleep(0)
    await taking
    return producer


async def test_an_event_becomes_a_fact_under_its_account_with_the_time_of_its_arrival() -> None:
    [sent] = (await take(raw(PAYMENT))).sent

    fact = FACTS.decode(sent.value or b"")
    assert isinstance(fact, PaymentSucceeded)
    assert (sent.topic, sent.key) == (TOPICS.facts, ids.account_key("acme", "cust_1").encode())
    assert sent.timestamp_ms == TIMESTAMP_MS + 7


async def test_a_batch_is_not_done_before_kafka_has_answered_for_all_of_it() -> None:
    producer = HoldingProducer()
    taking = asyncio.create_task(written(translator(producer), raw(PAYMENT), raw(b"broken")))
    await eventually(lambda: len(producer.sent) == 2)

    producer.waiting.pop(0).set_result(None)
    await asyncio.sleep(0)
    assert not taking.done()
    producer.answer_all()
    await taking


async def test_a_batch_is_sent_while_kafka_has_not_answered_for_the_one_before() -> None:
    producer = HoldingProducer()
    translating = translator(producer)
    first = await translating.take([raw(PAYMENT)])
    second = await translating.take([raw(PAYMENT)])
    assert len(producer.sent) == 2

    producer.answer_all()
    await asyncio.gather(first, second)


async def test_a_batch_that_kafka_does_not_take_fails_so_that_nothing_is_acknowledged() -> None:
    producer = HoldingProducer()
    taking = asyncio.create_task(written(translator(producer), raw(PAYMENT)))
    await eventually(lambda: bool(producer.waiting))
    producer.fail_all(KafkaTimeoutError())

    with pytest.raises(KafkaTimeoutError):
        await taking


@pytest.mark.parametrize(
    ("broken", "why"),
    [
        (raw(b"{broken"), b"UntranslatableError"),
        (raw(None), b"UntranslatableError"),
        (raw(PAYMENT, headers=[]), b"UntranslatableError"),
        (raw(PAYMENT, headers=[(HEADER_SITE, b"\xff")]), b"UntranslatableError"),
        (custom(b'{"id":"r1"}'), b"DecodeError"),
        (custom(CUSTOM.replace(b'"name"', b'"nmae"')), b"DecodeError"),
    ],
)
async def test_what_cannot_be_translated_is_buried_with_its_bytes_and_its_own_headers(
    broken: Record, why: bytes
) -> None:
    [sent] = (await take(broken)).sent

    assert (sent.topic, sent.key) == (TOPICS.dlq, broken.key)
    assert sent.value == (broken.value or b"")
    assert sent.headers[: len(broken.headers)] == list(broken.headers)
    told = dict(sent.headers)
    assert told["class"] == why
    assert (told["topic"], told["partition"]) == (broken.topic.encode(), b"3")
    assert told["offset"] == b"%d" % broken.offset


async def test_one_broken_event_does_not_hold_up_the_others() -> None:
    producer = await take(raw(b"broken"), raw(PAYMENT), custom(CUSTOM))

    assert [sent.topic for sent in producer.sent] == [TOPICS.dlq, TOPICS.facts, TOPICS.facts]


async def test_an_event_that_is_no_fact_is_passed_over_without_a_dead_letter() -> None:
    ignored = chargebee.body(chargebee.event("card_expired", customer=chargebee.customer()))

    assert (await take(raw(ignored))).sent == []


async def test_of_a_custom_event_only_what_a_program_names_becomes_part_of_the_fact() -> None:
    [named] = (await take(custom(CUSTOM))).sent
    [unnamed] = (await take(custom(CUSTOM.replace(b'"review"', b'"visit"')))).sent

    first, second = FACTS.decode(named.value or b""), FACTS.decode(unnamed.value or b"")
    assert isinstance(first, CustomEventReceived)
    assert isinstance(second, CustomEventReceived)
    assert (first.id, first.source, first.properties) == ("custom:r1", "r1", {"stars": 5})
    assert second.properties == {}
    assert b"example.org" not in (named.value or b"")


async def test_a_fact_says_that_the_poller_brought_it_and_which_trace_it_belongs_to() -> None:
    trace = ("traceparent", b"00-1-2-01")
    polled = raw(PAYMENT, [*SITE, ("source", b"poller"), ("received_at", b"1"), trace])
    hooked = raw(PAYMENT, [*SITE, ("source", b"webhook")])

    sent = (await take(polled, hooked)).sent

    assert [each.headers for each in sent] == [[("source", b"poller"), trace], []]
    assert sent[0].value == sent[1].value


async def test_what_was_translated_and_what_was_buried_is_told() -> None:
    told: list[object] = []
    producer = HoldingProducer()
    listening = replace(translator(producer), translated=told.append, buried=told.append)
    taking = asyncio.create_task(written(listening, raw(PAYMENT), raw(b"{broken")))
    await eventually(lambda: len(producer.sent) == 2)
    producer.answer_all()
    await taking

    assert told == ["UntranslatableError", [TIMESTAMP_MS + 7] * 2]
    assert listening.read_ms == {(TOPICS.raw, 3): TIMESTAMP_MS + 7}
