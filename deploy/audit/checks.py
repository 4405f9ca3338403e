"""The promises that an audit holds, in the order of its report. PURE."""

from deploy.audit.tally import Check, Tally


class Checks:
    """One tally for each promise."""

    def __init__(self) -> None:
        self.incoming = Tally(
            "incoming", "What came in and was translated is a fact, ignored, or a dead letter."
        )
        self.dead_letters = Tally(
            "dead-letters", "What was rejected is a dead letter with the bytes it came with."
        )
        self.refold = Tally(
            "refold", "The points log is, byte for byte, what folding the facts anew gives."
        )
        self.states = Tally(
            "states", "The account states a worker would restore are what the facts give."
        )
        self.outcomes = Tally(
            "outcomes", "Every fact has a points event, and every points event its fact."
        )
        self.sequences = Tally(
            "sequences", "Each account's events are numbered 1, 2, 3 … without gap or repeat."
        )
        self.sums = Tally("sums", "Every event's figures add up, and no lot goes below zero.")
        self.views = Tally(
            "views", "The SQL views hold exactly the rows that the points log gives."
        )
        self.commands = Tally(
            "reward-commands", "Each reward earned has one command, and each command its reward."
        )
        self.ledger = Tally(
            "reward-ledger", "Each command received is in the reward ledger, in a sound state."
        )
        self.reward_outcomes = Tally(
            "reward-outcomes", "Outcomes are facts; rewards that failed give their points back."
        )
        self.gateway = Tally(
            "gateway", "The billing site gave what was delivered once, and nothing that failed."
        )

    def counted(self) -> tuple[Check, ...]:
        tallies: list[Tally] = list(vars(self).values())
        return tuple(tally.check() for tally in tallies)
