"""What stands against an answer, as the service refuses: without addresses of ours."""

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from deploy.errors import OperatingError
from deploy.replay.history import CannotTell
from deploy.views import UnknownCustomer
from projections.service.problems import Problem, not_found, unavailable

log = structlog.get_logger(__name__)


@contextmanager
def as_refusals() -> Iterator[None]:
    """Operating errors become problems: gone for good, unknown, or not now."""
    try:
        yield
    except UnknownCustomer as error:
        raise not_found(str(error)) from error
    except CannotTell as error:
        raise Problem(409, "gone", "What an answer rests on is gone", str(error)) from error
    except OperatingError as error:
        log.warning("log_unavailable", error=str(error))
        raise unavailable("The log or a database does not answer.") from error
