"""Where the console's pages are. PURE.

Ids are put into the query of an address, never its path: they may hold anything.
"""

from urllib.parse import urlencode

PREFIX = "/console"
HOME = f"{PREFIX}/"
SIGN_IN = f"{PREFIX}/sign-in"
PASSWORD = f"{PREFIX}/password"


def address(path: str, **query: object) -> str:
    """A page of ours; what is None or empty is left out of its query."""
    told = {name: value for name, value in query.items() if value is not None and value != ""}
    return f"{PREFIX}{path}" + (f"?{urlencode(told)}" if told else "")


def customer(site: str, name: str, **query: object) -> str:
    return address("/customer", site=site, customer=name, **query)


def reward(reward_id: str) -> str:
    return address("/reward", id=reward_id)


def dead_letter(partition: int, offset: int) -> str:
    return address("/dead-letter", partition=partition, offset=offset)
