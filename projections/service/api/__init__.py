"""The API: one module per group of routes under `/v1`."""

from fastapi import APIRouter

from projections.service.ports import Ports

PREFIX = "/v1"


def build_api(ports: Ports) -> APIRouter:
    """Every route of the API."""
    del ports
    return APIRouter(prefix=PREFIX)
