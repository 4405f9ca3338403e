"""Acknowledge to Faust what the present assignment delivered, and nothing older.

Faust keeps acknowledged offsets by partition and fills what lies between them and its committed
offset. An acknowledgement that comes after a rebalance would be counted for the new delivery, and
records still on their way would be committed: a crash then loses them. So it is left out; what it
stands for is delivered again, and absorbed.
"""

from typing import Any


class Acknowledgements:
    """Of one app. Call `settle` when partitions were assigned."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._settled_at = -1

    def settle(self) -> None:
        self._settled_at = self._app.rebalancing_count

    def acknowledge(self, event: Any) -> None:
        app = self._app
        # The count moves on when a rebalance begins, the generation when it ends.
        is_settled = self._settled_at == app.rebalancing_count
        if is_settled and event.message.generation_id == app.consumer_generation_id:
            event.ack()
