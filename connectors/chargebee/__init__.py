"""Chargebee: webhooks and events in, API calls out."""
