"""What a state is called, its colour, and the sign beside it: never colour alone. PURE."""

from typing import NamedTuple


class Chip(NamedTuple):
    """`tone` is a class of the style sheet, `icon` a symbol of the sprite."""

    text: str
    tone: str
    icon: str


_CHIPS = {
    "due": Chip("due", "calm", "clock"),
    "attempting": Chip("being sent", "calm", "call"),
    "delivered": Chip("delivered", "good", "check"),
    "failed": Chip("failed", "bad", "cross"),
    "unknown": Chip("unknown", "wait", "question"),
    "stuck": Chip("stuck", "bad", "hand"),
    "cancelled": Chip("cancelled", "still", "minus"),
    "earned": Chip("earned", "calm", "clock"),
    "revoked": Chip("taken back", "still", "undo"),
    "partly": Chip("partly taken back", "wait", "undo"),
    "impossible": Chip("cannot be taken back", "bad", "cross"),
    "not_needed": Chip("need not be taken back", "still", "minus"),
    "ready": Chip("ready", "good", "check"),
    "not_ready": Chip("not ready", "wait", "clock"),
    "down": Chip("down", "bad", "cross"),
    "paused": Chip("paused", "wait", "pause"),
    "pending": Chip("pending", "calm", "clock"),
    "spendable": Chip("spendable", "good", "check"),
    "waits": Chip("waits for an activity", "calm", "clock"),
    "erased": Chip("erased", "still", "cross"),
    "disabled": Chip("disabled", "still", "cross"),
    "must_change": Chip("one-time password", "wait", "clock"),
    "active": Chip("active", "good", "check"),
    "applies": Chip("applies now", "good", "check"),
    "planned": Chip("planned", "calm", "clock"),
    "replaced": Chip("replaced", "still", "minus"),
    "retired": Chip("retired", "still", "minus"),
    "replayed": Chip("replayed", "good", "undo"),
    "discarded": Chip("discarded", "still", "minus"),
    "waiting": Chip("waiting", "wait", "clock"),
    "ok": Chip("answered", "good", "check"),
    "open": Chip("no answer yet", "wait", "clock"),
    "added": Chip("added", "good", "plus"),
    "removed": Chip("removed", "bad", "minus"),
    "changed": Chip("changed", "wait", "call"),
    "moved": Chip("moved", "calm", "rise"),
}


def chip(state: str) -> Chip:
    """A state that has none of its own is shown as it is."""
    return _CHIPS.get(state) or Chip(state.replace("_", " "), "still", "dot")
