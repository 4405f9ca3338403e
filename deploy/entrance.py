"""The span that each event which comes in begins with, where there is tracing."""

from functools import partial

from connectors.publish import Traced, untraced
from deploy.tracing import Tracer


def entrance(tracer: Tracer | None, name: str) -> Traced:
    return untraced if tracer is None else partial(tracer.entrance, name)
