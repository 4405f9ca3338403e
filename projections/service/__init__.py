"""The HTTP service: the API under `/v1` and the console under `/console`.

What it needs of the streams, the connectors or Kafka it takes as ports (`ports`); `deploy` passes
them in.
"""
