import asyncio

from connectors.chargebee.limits import TokenBucket


class Time:
    """A clock that sleeping moves on."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds


def bucket(time: Time, per_minute: float = 60, burst: float = 2) -> TokenBucket:
    return TokenBucket("acme", per_minute, burst=burst, monotonic=time.monotonic, sleep=time.sleep)


async def test_a_burst_goes_out_at_once_and_the_rest_at_the_rate() -> None:
    time = Time()
    tokens = bucket(time)
    for _ in range(12):
        await tokens.acquire()
    assert 9.9 < time.now < 10.1  # two at once, ten more at one a second


async def test_an_idle_bucket_never_holds_more_than_a_burst() -> None:
    time = Time()
    tokens = bucket(time)
    time.now = 3600.0
    for _ in range(3):
        await tokens.acquire()
    assert 3600.9 < time.now < 3601.1


async def test_a_pause_stops_everybody_who_shares_the_bucket() -> None:
    time = Time()
    tokens = bucket(time)
    await tokens.pause(60)
    await asyncio.gather(tokens.acquire(), tokens.acquire())
    assert time.now >= 60


async def test_a_shorter_pause_does_not_end_a_longer_one() -> None:
    time = Time()
    tokens = bucket(time)
    await tokens.pause(60)
    await tokens.pause(1)
    await tokens.acquire()
    assert time.now >= 60
