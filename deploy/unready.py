"""Which rewards of a program these settings cannot carry out, and what is missing. PURE."""

from deploy.settings import Settings
from schemas.program.model import Program
from schemas.rewards import AnyGrant, Order, Webhook
from streams.account.compiled import CompiledProgram


def missing_settings(program: Program, settings: Settings) -> dict[str, str]:
    """By the reward's id, what has to be added to the settings before it can succeed."""
    compiled = CompiledProgram(program)
    wanted = {each.id: _missing(each.grant, settings) for each in compiled.rewards}
    return {reward: what for reward, what in wanted.items() if what}


def _missing(grant: AnyGrant, settings: Settings) -> str:
    if isinstance(grant, Webhook):
        known = {endpoint.name for endpoint in settings.endpoints}
        return "" if grant.endpoint in known else f"an endpoint {grant.endpoint}"
    if isinstance(grant, Order) and settings.tremendous.api_key is None:
        return "tremendous.api_key"
    return ""
