"""Forget in the ledger what only the customer should have: codes, links, what services answered."""

from dataclasses import dataclass

import sqlalchemy as sa

from connectors.rewards.book import Book
from connectors.rewards.standing import SETTLED_STATES, State
from connectors.rewards.tables import attempt, reward


@dataclass(frozen=True, slots=True)
class Held:
    """What the ledger holds of an account: `handed` codes and links, `told` answers of services,
    `due` rewards that nobody has begun, and those that are `moving`: their outcome is to come.
    """

    handed: int = 0
    told: int = 0
    due: tuple[str, ...] = ()
    moving: int = 0


class Forgetting(Book):
    """The part of the ledger by which an account is erased. Figures, states and the gateway's
    references stay: they are what happened, and name nobody.
    """

    async def held_of(self, account: str) -> Held:
        mine = reward.c.account == account
        told = (
            sa.select(sa.func.count())
            .select_from(attempt.join(reward, attempt.c.reward_id == reward.c.reward_id))
            .where(mine, attempt.c.detail != "")
        )
        query = sa.select(
            reward.c.reward_id, reward.c.state, reward.c.handed, reward.c.revokes
        ).where(mine)
        async with self.engine.begin() as connection:
            rows = (await connection.execute(query)).all()
            answers = int((await connection.execute(told)).scalar_one())
        open_ = [row for row in rows if row.state not in SETTLED_STATES]
        # What takes a reward back is carried out to its end.
        due = tuple(
            row.reward_id for row in open_ if row.state == State.DUE and row.revokes is None
        )
        return Held(
            handed=sum(bool(row.handed) for row in rows),
            told=answers,
            due=due,
            moving=len(open_) - len(due),
        )

    async def forget(self, account: str) -> None:
        """Of rewards that are settled; one whose outcome is to come may still need what it has."""
        settled = [each.value for each in SETTLED_STATES]
        mine = (reward.c.account == account) & reward.c.state.in_(settled)
        answers = attempt.c.reward_id.in_(sa.select(reward.c.reward_id).where(mine))
        async with self.engine.begin() as connection:
            await connection.execute(sa.update(reward).where(mine).values(handed=""))
            await connection.execute(sa.update(attempt).where(answers).values(detail=""))
