"""What watches an installation from outside: rules, alerts, a dashboard, and what to scrape.

They are written here once, from the same names, and committed as the files that Prometheus and
Grafana read: `python -m deploy.monitoring` writes them, `--check` holds them to the code.
"""
