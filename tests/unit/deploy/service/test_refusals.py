"""What stands against an answer becomes a refusal that tells callers nothing of our addresses."""

import pytest

from deploy.errors import OperatingError
from deploy.replay.history import CannotTell
from deploy.service.refusals import as_refusals
from deploy.views import UnknownCustomer
from projections.service.problems import Problem


@pytest.mark.parametrize(
    ("error", "status", "detail"),
    [
        (UnknownCustomer("nobody knows c9"), 404, "nobody knows c9"),
        (CannotTell("c1 was erased"), 409, "c1 was erased"),
        (
            OperatingError("Kafka at 10.0.0.7 is away"),
            503,
            "The log or a database does not answer.",
        ),
    ],
)
def test_each_kind_of_error_is_a_refusal(error: Exception, status: int, detail: str) -> None:
    with pytest.raises(Problem) as refused, as_refusals():
        raise error
    assert (refused.value.status, refused.value.detail) == (status, detail)


def test_a_refusal_of_the_service_itself_passes() -> None:
    with pytest.raises(Problem, match="as it is"), as_refusals():
        raise Problem(418, "teapot", "as it is")
