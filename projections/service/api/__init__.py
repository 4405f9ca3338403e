"""The API: one module per group of routes under `/v1`."""

from fastapi import APIRouter

from projections.service.api.customers import build_customers
from projections.service.api.entries import build_entries
from projections.service.api.intake import build_intake
from projections.service.api.liability import build_liability
from projections.service.api.privacy import build_privacy
from projections.service.api.programs import build_programs
from projections.service.api.search import build_search
from projections.service.gate import Gate
from projections.service.ports import Ports

PREFIX = "/v1"


def build_api(ports: Ports) -> APIRouter:
    """Every route of the API."""
    gate = Gate(ports)
    router = APIRouter(prefix=PREFIX)
    for build in (
        build_customers,
        build_entries,
        build_liability,
        build_programs,
        build_search,
        build_intake,
        build_privacy,
    ):
        router.include_router(build(ports, gate))
    return router
