"""What the query service asks of streams, connectors and Kafka, as its ports."""
