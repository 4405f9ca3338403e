"""Figures read from the metrics pages of roles."""

from deploy.demo.meters import Readings

PAGE = """\
# TYPE cactus_rewards gauge
cactus_rewards{state="delivered"} 4.0
cactus_rewards{state="failed"} 1.0
# TYPE cactus_facts_folded_total counter
cactus_facts_folded_total 12.0
"""


def test_samples_are_summed_over_the_labels_that_were_not_named() -> None:
    readings = Readings({"rewarder": PAGE})
    assert readings.total("rewarder", "cactus_rewards") == 5
    assert readings.total("rewarder", "cactus_rewards", state="failed") == 1
    assert readings.total("rewarder", "cactus_facts_folded_total") == 12


def test_what_nobody_said_is_nothing() -> None:
    readings = Readings({"rewarder": PAGE})
    assert readings.total("rewarder", "cactus_unheard_of") == 0
    assert readings.total("worker", "cactus_rewards") == 0
    assert not readings.knows("worker")
