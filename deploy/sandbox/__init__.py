"""A Chargebee to run against: a seeded billing life, its API and its webhooks, on this machine."""
