"""What do the processes need? PURE."""

from deploy.monitoring.panels import Panel, Query, Row

RESOURCES = Row(
    name="resources",
    title="Processes",
    panels=(
        Panel(
            title="Up",
            width=6,
            queries=(
                Query(
                    expr='sum by (role) (up{job="cactus",role=~"$role"})',
                    legend="{{role}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="CPU",
            unit="percentunit",
            width=6,
            queries=(
                Query(
                    expr='rate(process_cpu_seconds_total{job="cactus",role=~"$role"}'
                    "[$__rate_interval])",
                    legend="{{instance}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Memory",
            unit="bytes",
            width=6,
            queries=(
                Query(
                    expr='process_resident_memory_bytes{job="cactus",role=~"$role"}',
                    legend="{{instance}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Event loop is late, 99 %",
            unit="s",
            width=6,
            queries=(
                Query(
                    expr="histogram_quantile(0.99, sum by (le, role)"
                    ' (rate(cactus_event_loop_lag_seconds_bucket{role=~"$role"}'
                    "[$__rate_interval])))",
                    legend="{{role}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Starts, last hour",
            width=6,
            queries=(
                Query(
                    expr='max by (role) (changes(process_start_time_seconds{job="cactus",'
                    'role=~"$role"}[1h]))',
                    legend="{{role}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Open files",
            unit="percentunit",
            width=6,
            queries=(
                Query(
                    expr='process_open_fds{job="cactus",role=~"$role"}'
                    ' / process_max_fds{job="cactus",role=~"$role"}',
                    legend="{{instance}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Free on disk",
            unit="percentunit",
            width=6,
            queries=(
                Query(
                    expr="cactus_home_free_bytes / cactus_home_size_bytes",
                    legend="{{instance}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Releases, and how the fold runs",
            width=6,
            queries=(
                Query(
                    expr="count by (version) (cactus_build_info)",
                    legend="{{version}}",
                    always=True,
                ),
                Query(
                    expr="count by (running) (cactus_fold_info)",
                    legend="fold {{running}}",
                    always=True,
                ),
            ),
        ),
        Panel(
            title="Kafka answers",
            width=6,
            queries=(
                Query(
                    expr="min by (role) (cactus_publisher_connected_ratio)",
                    legend="{{role}}",
                    always=True,
                ),
            ),
        ),
    ),
)
