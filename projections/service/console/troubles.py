"""What goes wrong on a page, in words for the person who opened it."""

import contextlib
from collections.abc import Iterator, Mapping
from typing import TypeVar

from projections.access.database import AccessUnavailable
from projections.errors import ViewsError
from projections.service.ports import DecisionRefused, InboxUnavailable
from projections.service.problems import Problem

Port = TypeVar("Port")


class Trouble(Exception):
    """`message` is a sentence; nothing was changed unless it says so."""

    def __init__(
        self, message: str, *, status: int = 409, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.headers = dict(headers or {})


def offered(port: Port | None, what: str) -> Port:
    """The port, or the trouble that this installation has none."""
    if port is None:
        raise Trouble(f"This installation does not offer {what}.", status=501)
    return port


@contextlib.contextmanager
def in_words() -> Iterator[None]:
    """What pages stand on complains in its own way; people are told in one."""
    try:
        yield
    except DecisionRefused as error:
        raise Trouble(str(error), status=409) from error
    except InboxUnavailable as error:
        raise Trouble(str(error), status=503) from error
    except Problem as problem:
        said = problem.detail or f"{problem.title}."
        raise Trouble(said, status=problem.status, headers=problem.headers) from problem
    except (ViewsError, AccessUnavailable) as error:
        raise Trouble(f"The database does not answer: {error}", status=503) from error
