"""How is the query service? PURE."""

from deploy.monitoring.panels import WINDOW, Panel, Query, Row, quantiles

API = Row(
    name="api",
    title="API and console",
    panels=(
        Panel(
            title="Requests by status",
            unit="reqps",
            width=6,
            queries=(
                Query(
                    expr=f"sum by (status) (rate(cactus_api_requests_total{WINDOW}))",
                    legend="{{status}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Duration",
            unit="s",
            width=6,
            queries=quantiles("cactus_api_request_seconds"),
        ),
        Panel(
            title="Duration by route, 99 %",
            unit="s",
            width=6,
            queries=(
                Query(
                    expr="histogram_quantile(0.99, sum by (le, route)"
                    f" (rate(cactus_api_request_seconds_bucket{WINDOW})))",
                    legend="{{route}}",
                ),
            ),
        ),
        Panel(
            title="Refused, last hour",
            width=6,
            queries=(
                Query(
                    expr="sum by (reason) (increase(cactus_api_refusals_total[1h]))",
                    legend="{{reason}}",
                ),
                Query(
                    expr="sum by (limit) (increase(cactus_api_rate_limited_total[1h]))",
                    legend="too many: {{limit}}",
                ),
            ),
        ),
    ),
)
