"""When an ended process is started again."""

from deploy.backoff import RestartPolicy

POLICY = RestartPolicy(first_seconds=1, factor=2, max_seconds=10, healthy_seconds=30)


def test_the_delay_doubles_up_to_its_cap() -> None:
    assert [POLICY.delay_seconds(n) for n in (1, 2, 3, 4, 5, 1000)] == [1, 2, 4, 8, 10, 10]


def test_a_process_that_lived_long_enough_starts_with_a_clean_slate() -> None:
    assert POLICY.failures_after(7, lived_seconds=31) == 1


def test_quick_ends_add_up_to_a_crash_loop() -> None:
    failures = 0
    seen = []
    for _ in range(4):
        failures = POLICY.failures_after(failures, lived_seconds=0.1)
        seen.append(POLICY.is_crash_loop(failures))

    assert seen == [False, False, True, True]
