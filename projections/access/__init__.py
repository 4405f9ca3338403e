"""Who may ask, and what they asked for: API keys, people, sessions, requests, decisions.

Like the reward ledger it is no view: nothing rebuilds it.
"""
