"""Changes within a term: another plan, another quantity, or another address. PURE."""

from deploy.sandbox import money, people, subscriptions
from deploy.sandbox.billing import Billing
from deploy.sandbox.catalog import Price
from deploy.sandbox.member import Member
from deploy.sandbox.site import Burst, Resource, Site
from deploy.sandbox.terms import prorate


class Changes:
    """Each change returns its burst, which holds a `subscription_changed` and is not sent yet."""

    def __init__(self, site: Site, billing: Billing) -> None:
        self._site = site
        self._billing = billing

    def switch(self, member: Member, price: Price, quantity: int) -> Burst:
        """Credit what is left of the old term's price, charge what is left of the new one's."""
        burst = self._site.burst(member.id, member.rng)
        note = self._credit_rest(member, burst)
        member.price, member.quantity = price, quantity
        subscriptions.put_on_plan(member.subscription, price, quantity, member.catalog)
        self._site.touch(member.subscription)
        charge = self._prorated(member, price.amount_minor * quantity)
        bill = None
        if charge:
            line = self._billing.line(
                member, price, charge, f"{price.name} - Prorated Charges", self._site.now
            )
            bill = self._billing.invoice(member, [line], burst)
        self._tell(member, burst, bill, note)
        return burst

    def move(self, member: Member) -> Burst:
        """A new delivery address: the subscription changes, its value does not."""
        burst = self._site.burst(member.id, member.rng)
        member.subscription["shipping_address"] = people.address(
            member.number, member.price.currency, "shipping_address"
        )
        self._site.touch(member.subscription)
        self._tell(member, burst, None, None)
        burst.add(
            "subscription_shipping_address_updated",
            subscription=member.subscription,
            customer=member.customer,
            card=member.card,
        )
        return burst

    def _credit_rest(self, member: Member, burst: Burst) -> Resource | None:
        """A credit note for the unused part of what was paid in money; the next invoice uses it."""
        bill = member.last_invoice
        if bill is None or bill["status"] != "paid" or bill["issued_credit_notes"]:
            return None
        credit = self._prorated(member, bill["total"])
        if credit == 0:
            return None
        line = self._billing.line(
            member, member.price, credit, f"{member.price.name} - Prorated Credits", self._site.now
        )
        note = money.credit_note(
            f"CN-{self._site.number('credit_note')}",
            member.subscription,
            [line],
            invoice_id=bill["id"],
            reason="subscription_change",
            total_minor=credit,
            at=self._site.now,
        )
        self._site.credit_notes[note["id"]] = note
        member.notes.append(note)
        bill["issued_credit_notes"].append(money.issued_note(note))
        self._site.touch(bill)
        self._billing.show_credits(member)
        burst.add("credit_note_created", credit_note=note)
        return note

    def _prorated(self, member: Member, amount_minor: int) -> int:
        return prorate(
            amount_minor,
            left_seconds=member.term_end - self._site.now,
            term_seconds=member.term_end - member.term_start,
        )

    def _tell(
        self, member: Member, burst: Burst, bill: Resource | None, note: Resource | None
    ) -> None:
        burst.add(
            "subscription_changed",
            subscription=member.subscription,
            customer=member.customer,
            card=member.card,
            invoice=bill,
            credit_notes=None if note is None else [note],
        )
