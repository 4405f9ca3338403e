"""What the service's ports are made of: each needs the streams, the connectors or Kafka."""
