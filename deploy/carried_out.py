"""Which rewards of a program this release carries out, and which it refuses. PURE."""

from connectors.rewards.dispatcher import kind_of
from connectors.rewards.executors import KINDS
from schemas.program.model import Program
from streams.account.compiled import CompiledProgram


def not_carried_out(program: Program) -> dict[str, str]:
    """The kind of each reward that would fail when it fires, by the reward's id."""
    kinds = {each.id: kind_of(each.grant) for each in CompiledProgram(program).rewards}
    return {reward: kind for reward, kind in kinds.items() if kind not in KINDS}
