"""A library that repeats itself is heard once in a while."""

import logging

from deploy.calm import EVERY_SECONDS, OnceInAWhile


class Listener:
    """What gets through, on a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self._calm = OnceInAWhile(("aiokafka",), lambda: self.now)

    def hear(self, name: str, message: str, *arguments: object) -> str | None:
        record = logging.LogRecord(name, logging.ERROR, "", 0, message, arguments, None)
        return record.getMessage() if self._calm.filter(record) else None


def test_what_was_said_a_moment_ago_is_kept_back() -> None:
    listener = Listener()
    assert listener.hear("aiokafka.client", "no node %s", 1) == "no node 1"
    assert listener.hear("aiokafka.client", "no node %s", 2) is None


def test_what_was_kept_back_is_counted_when_it_is_said_again() -> None:
    listener = Listener()
    for node in range(4):
        listener.hear("aiokafka.client", "no node %s", node)
    listener.now += EVERY_SECONDS
    assert listener.hear("aiokafka.client", "no node %s", 9) == (
        "no node 9 (and 3 times more since)"
    )


def test_another_message_is_heard_at_once() -> None:
    listener = Listener()
    listener.hear("aiokafka.client", "no node")
    assert listener.hear("aiokafka.client", "no leader") == "no leader"
    assert listener.hear("aiokafka.producer", "no node") == "no node"


def test_our_own_messages_are_never_kept_back() -> None:
    listener = Listener()
    assert [listener.hear("connectors.publish", "stored") for _ in range(3)] == ["stored"] * 3
