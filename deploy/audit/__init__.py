"""The audit: proof that nothing is lost, doubled or unexplained, by reading everything again."""
