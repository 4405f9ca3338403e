"""One customer of the sandbox's merchant, with what only the simulation knows about them."""

import random
from dataclasses import dataclass, field
from typing import Literal

from deploy.sandbox.catalog import Price
from deploy.sandbox.site import Resource
from deploy.sandbox.subscriptions import CatalogVersion

Method = Literal["card", "direct_debit", "bank_transfer"]


@dataclass(slots=True, kw_only=True)
class Member:
    """`anchor` and `terms` count the terms; `age` tells old plans for the customer from new."""

    number: int
    rng: random.Random
    customer: Resource
    subscription: Resource
    price: Price
    catalog: CatalogVersion
    method: Method
    quantity: int = 1
    card: Resource | None = None
    anchor: int = 0
    terms: int = 0
    age: int = 0
    invoiced: bool = False
    deleted: bool = False
    unpaid: list[Resource] = field(default_factory=list)
    last_invoice: Resource | None = None
    notes: list[Resource] = field(default_factory=list)
    """Credit notes with something left on them."""

    @property
    def id(self) -> str:
        return str(self.customer["id"])

    @property
    def active(self) -> bool:
        return not self.deleted and self.subscription["status"] == "active"

    @property
    def term_start(self) -> int:
        return int(self.subscription["current_term_start"])

    @property
    def term_end(self) -> int:
        return int(self.subscription["current_term_end"])
