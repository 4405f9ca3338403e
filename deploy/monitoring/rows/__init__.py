"""The dashboard, row by row. PURE."""

from deploy.monitoring.panels import Row
from deploy.monitoring.rows.api import API
from deploy.monitoring.rows.flow import KAFKA, RECEIVER
from deploy.monitoring.rows.promises import LATENCY, LOST
from deploy.monitoring.rows.resources import RESOURCES
from deploy.monitoring.rows.rewards import PROGRAMS, REWARDS

ROWS: tuple[Row, ...] = (LOST, LATENCY, RECEIVER, KAFKA, REWARDS, PROGRAMS, API, RESOURCES)
