"""What is acknowledged to Faust, and what must not be."""

from dataclasses import dataclass, field

from streams.core.acknowledge import Acknowledgements


@dataclass
class App:
    """The two counts that Faust keeps of its assignments."""

    rebalancing_count: int = 0
    consumer_generation_id: int = 0

    def begin_rebalance(self) -> None:
        self.rebalancing_count += 1

    def end_rebalance(self, acknowledgements: Acknowledgements) -> None:
        self.consumer_generation_id += 1
        acknowledgements.settle()


@dataclass
class Message:
    generation_id: int


@dataclass
class Event:
    message: Message
    acknowledged: list[bool] = field(default_factory=list)

    def ack(self) -> None:
        self.acknowledged.append(True)


def delivered(app: App) -> Event:
    return Event(Message(app.consumer_generation_id))


def settled() -> tuple[App, Acknowledgements]:
    app = App()
    acknowledgements = Acknowledgements(app)
    app.begin_rebalance()
    app.end_rebalance(acknowledgements)
    return app, acknowledgements


def test_an_event_of_the_present_assignment_is_acknowledged() -> None:
    app, acknowledgements = settled()
    event = delivered(app)

    acknowledgements.acknowledge(event)

    assert event.acknowledged == [True]


def test_an_event_finished_while_partitions_are_taken_away_is_not() -> None:
    app, acknowledgements = settled()
    event = delivered(app)
    app.begin_rebalance()

    acknowledgements.acknowledge(event)

    assert event.acknowledged == []


def test_an_event_of_an_earlier_assignment_is_not_even_when_its_partition_came_back() -> None:
    app, acknowledgements = settled()
    event = delivered(app)
    app.begin_rebalance()
    app.end_rebalance(acknowledgements)

    acknowledgements.acknowledge(event)

    assert event.acknowledged == []


def test_nothing_is_acknowledged_before_the_first_assignment() -> None:
    app = App()
    event = delivered(app)

    Acknowledgements(app).acknowledge(event)

    assert event.acknowledged == []
