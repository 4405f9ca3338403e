"""What can go wrong with the views; each message says what to do about it. PURE."""


class ViewsError(Exception):
    """Something outside the code keeps the views from being read or written."""


class ViewsUnavailable(ViewsError):
    """The database cannot be opened, read or written."""


class AnotherWriter(ViewsError):
    """A position moved that only this process should move. Nothing of the batch was written."""


class LogBroken(ViewsError):
    """The points log breaks its contract. Skipping on would make every later figure wrong."""


class SequenceGap(LogBroken):
    """Events of one account are missing between two that are there."""

    def __init__(self, account: str, known: int, found: int) -> None:
        super().__init__(
            f"The points log of {account} jumps from sequence {known} to {found}: events are "
            "missing. Run `cactus audit` to see what is wrong; the views stay as they were."
        )
