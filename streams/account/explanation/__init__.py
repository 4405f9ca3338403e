"""A trace in sentences that a support person can send to the customer."""
