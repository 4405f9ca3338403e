"""The streaming core: whole batches, one writer per partition, one transaction."""
