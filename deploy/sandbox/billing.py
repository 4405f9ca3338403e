"""Invoices and how they are paid: at once, late, by another way, in vain, or not at all. PURE."""

from deploy.sandbox import money, subscriptions
from deploy.sandbox.agenda import Agenda
from deploy.sandbox.catalog import Price
from deploy.sandbox.member import Member
from deploy.sandbox.money import Line
from deploy.sandbox.promotions import Promotions
from deploy.sandbox.site import BY_ADMIN, BY_SCHEDULE, Burst, Resource, Site
from deploy.sandbox.terms import DAY
from deploy.sandbox.truth import Happening

NET_TERM_SECONDS = 14 * DAY
CLEARING_SECONDS = 4 * DAY
DUNNING_WAITS_SECONDS = (3 * DAY, 3 * DAY, 5 * DAY)
DECLINE_CODE = "3001"
DECLINE_TEXT = "Insufficient funds"

DECLINE_CHANCE = 0.035
RECOVERY_CHANCE = 0.5
LATE_FAILURE_CHANCE = 0.04
REPORTED_UPDATE_CHANCE = 0.3


class Billing:
    """Everything between a subscription that owes something and money that came."""

    def __init__(self, site: Site, agenda: Agenda, promotions: Promotions) -> None:
        self._site = site
        self._agenda = agenda
        self._promotions = promotions

    def term_line(self, member: Member) -> Line:
        """The plan's line for the term that the subscription is in."""
        return self.line(
            member,
            member.price,
            member.price.amount_minor * member.quantity,
            member.price.name,
            member.term_start,
        )

    def line(
        self, member: Member, price: Price, amount_minor: int, description: str, date_from: int
    ) -> Line:
        return Line(
            id=self._site.identities.next(member.id, "li_"),
            entity_type="plan" if member.catalog == 1 else "plan_item_price",
            entity_id=price.id,
            description=description,
            quantity=member.quantity,
            amount_minor=amount_minor,
            date_from=date_from,
            date_to=member.term_end,
        )

    def invoice(self, member: Member, lines: list[Line], burst: Burst) -> Resource:
        """Make an invoice, take off what credits and coupons cover, and try to collect the rest."""
        site = self._site
        invoice_id = str(site.number("invoice"))
        sub_total = sum(line.amount_minor for line in lines)
        discounts = self._promotions.use_coupons(member.subscription, sub_total, invoice_id)
        rest = sub_total - sum(discount.amount_minor for discount in discounts)
        spent = self._promotions.spend(
            member.customer, member.price.currency, rest, invoice_id, burst
        )
        if spent is not None:
            discounts.append(spent)
        offline = member.method == "bank_transfer"
        bill = money.invoice(
            invoice_id,
            member.subscription,
            lines,
            discounts,
            at=site.now,
            due_at=site.now + (NET_TERM_SECONDS if offline else 0),
            first=not member.invoiced,
            address=member.customer["billing_address"],
        )
        member.invoiced = True
        member.last_invoice = bill
        site.invoices[invoice_id] = bill
        self._apply_notes(member, bill)
        burst.add("invoice_generated", invoice=bill)
        if bill["amount_due"] == 0:
            self._mark_paid(bill)
        elif offline:
            self._await_transfer(member, bill)
        else:
            self._collect(member, bill, burst)
        return bill

    def _apply_notes(self, member: Member, bill: Resource) -> None:
        for note in list(member.notes):
            applied = min(note["amount_available"], bill["amount_due"])
            if applied == 0:
                break
            note["amount_allocated"] += applied
            note["amount_available"] -= applied
            allocation = {
                "allocated_amount": applied,
                "allocated_at": self._site.now,
                "invoice_id": bill["id"],
                "invoice_date": bill["date"],
                "invoice_status": bill["status"],
            }
            note["allocations"].append(allocation)
            if note["amount_available"] == 0:
                note["status"] = "refunded"
                member.notes.remove(note)
            self._site.touch(note)
            bill["applied_credits"].append(
                {
                    "applied_amount": applied,
                    "applied_at": self._site.now,
                    "cn_id": note["id"],
                    "cn_reason_code": note["reason_code"],
                    "cn_date": note["date"],
                    "cn_status": note["status"],
                }
            )
            bill["credits_applied"] += applied
            self._owe(bill, bill["amount_due"] - applied)
        self.show_credits(member)

    def show_credits(self, member: Member) -> None:
        left = sum(note["amount_available"] for note in member.notes)
        if left != member.customer["refundable_credits"]:
            member.customer["refundable_credits"] = left
            self._site.touch(member.customer)

    def _owe(self, bill: Resource, amount_minor: int) -> None:
        assert amount_minor >= 0
        bill["amount_due"] = amount_minor
        bill["amount_to_collect"] = amount_minor
        self._site.touch(bill)

    def _mark_paid(self, bill: Resource) -> None:
        bill["status"] = "paid"
        bill["paid_at"] = self._site.now
        bill.pop("next_retry_at", None)
        if bill.get("dunning_status") == "in_progress":
            bill["dunning_status"] = "success"
        self._site.touch(bill)

    def _add_dues(self, member: Member, bill: Resource) -> None:
        if bill not in member.unpaid:
            member.unpaid.append(bill)
        self.show_dues(member)

    def show_dues(self, member: Member) -> None:
        """Let the subscription say how much is open and since when."""
        resource = member.subscription
        resource["due_invoices_count"] = len(member.unpaid)
        for name in ("due_since", "total_dues"):
            resource.pop(name, None)
        if member.unpaid:
            resource["due_since"] = min(bill["date"] for bill in member.unpaid)
            resource["total_dues"] = sum(bill["amount_due"] for bill in member.unpaid)
        self._site.touch(resource)

    def transaction(
        self, member: Member, kind: str, status: str, amount_minor: int, method: str
    ) -> Resource:
        """A new transaction of this site; nothing is linked to it yet."""
        site = self._site
        made = money.transaction(
            site.identities.next(member.id, "txn_"),
            customer_id=member.id,
            subscription_id=member.subscription["id"],
            kind=kind,
            status=status,
            amount_minor=amount_minor,
            currency=member.price.currency,
            method=method,
            at=site.now,
        )
        if method == "card" and member.card is not None:
            made["masked_card_number"] = member.card["masked_number"]
        site.transactions[made["id"]] = made
        return made

    def _collect(self, member: Member, bill: Resource, burst: Burst) -> None:
        if member.method == "direct_debit":
            self._start_debit(member, bill, burst)
        elif member.rng.random() < DECLINE_CHANCE:
            self._decline(member, bill, burst)
        else:
            self._settle(member, [bill], burst, "card")

    def _settle(self, member: Member, bills: list[Resource], burst: Burst, method: str) -> Resource:
        """One successful payment for all that is due on `bills`."""
        due = sum(bill["amount_due"] for bill in bills)
        payment = self.transaction(member, "payment", "success", due, method)
        self._credit_payment(member, payment, bills)
        burst.add("transaction_created", transaction=payment)
        self._tell_paid(member, payment, bills, burst)
        return payment

    def _credit_payment(self, member: Member, payment: Resource, bills: list[Resource]) -> None:
        site = self._site
        for bill in bills:
            applied = bill["amount_due"]
            bill["amount_paid"] += applied
            bill["linked_payments"] = [
                link for link in bill["linked_payments"] if link["txn_id"] != payment["id"]
            ] + [money.linked_payment(payment, applied, site.now)]
            self._owe(bill, 0)
            self._mark_paid(bill)
            payment["linked_invoices"] = [
                link for link in payment["linked_invoices"] if link["invoice_id"] != bill["id"]
            ] + [money.linked_invoice(bill, applied, site.now)]
            site.truth.money.append(
                Happening(
                    kind="payment",
                    customer=member.id,
                    at=site.now,
                    subscription=member.subscription["id"],
                    transaction=payment["id"],
                    invoice=bill["id"],
                    amount_minor=applied,
                    currency=bill["currency_code"],
                )
            )
            if bill in member.unpaid:
                member.unpaid.remove(bill)
                self.show_dues(member)

    def _tell_paid(
        self, member: Member, payment: Resource, bills: list[Resource], burst: Burst
    ) -> None:
        self.tell_payment("payment_succeeded", member, payment, bills[-1], burst)
        for bill in bills:
            if bill is not bills[-1] or member.rng.random() < REPORTED_UPDATE_CHANCE:
                burst.add("invoice_updated", invoice=bill)

    def tell_payment(
        self, event_type: str, member: Member, payment: Resource, bill: Resource, burst: Burst
    ) -> None:
        """Add an event about a payment, with all that such events carry."""
        burst.add(
            event_type,
            transaction=payment,
            invoice=bill,
            customer=member.customer,
            subscription=member.subscription,
            card=member.card,
        )

    def _decline(self, member: Member, bill: Resource, burst: Burst) -> None:
        """A failed attempt; dunning goes on until it runs out of attempts."""
        site = self._site
        attempt = self.transaction(member, "payment", "failure", bill["amount_due"], member.method)
        attempt |= {"error_code": DECLINE_CODE, "error_text": DECLINE_TEXT}
        bill["linked_payments"].append(money.linked_payment(attempt, bill["amount_due"], site.now))
        attempt["linked_invoices"].append(money.linked_invoice(bill, bill["amount_due"], site.now))
        self._add_dues(member, bill)
        burst.add("transaction_created", transaction=attempt)
        self.tell_payment("payment_failed", member, attempt, bill, burst)
        burst.add("invoice_updated", invoice=bill)
        self._go_on_dunning(member, bill, attempt, burst)

    def _go_on_dunning(
        self, member: Member, bill: Resource, attempt: Resource, burst: Burst
    ) -> None:
        site, tried = self._site, len(bill["dunning_attempts"])
        bill["dunning_attempts"].append(
            {
                "attempt": tried + 1,
                "transaction_id": attempt["id"],
                "dunning_type": "auto_collect",
                "created_at": site.now,
                "txn_status": attempt["status"],
                "txn_amount": attempt["amount"],
            }
        )
        if tried == len(DUNNING_WAITS_SECONDS):
            self.give_up(member, bill, burst)
            return
        bill["dunning_status"] = "in_progress"
        bill["next_retry_at"] = site.now + DUNNING_WAITS_SECONDS[tried]
        site.touch(bill)
        if tried:
            burst.add("dunning_updated", invoice=bill)
        self._agenda.at(bill["next_retry_at"], lambda: self._retry(member, bill))

    def _retry(self, member: Member, bill: Resource) -> None:
        if member.deleted or bill["status"] == "paid":
            return
        burst = self._site.burst(member.id, member.rng)
        if member.rng.random() < RECOVERY_CHANCE:
            self._settle(member, [bill], burst, "card")
            burst.add("dunning_updated", invoice=bill)
        else:
            self._decline(member, bill, burst)
        burst.send(BY_SCHEDULE)

    def give_up(self, member: Member, bill: Resource, burst: Burst) -> None:
        """The invoice will never be paid, and the subscription ends for it."""
        bill["status"] = "not_paid"
        bill["dunning_status"] = "exhausted"
        bill.pop("next_retry_at", None)
        self._site.touch(bill)
        member.unpaid.remove(bill)
        self.show_dues(member)
        burst.add("dunning_updated", invoice=bill)
        if member.subscription["status"] != "cancelled":
            self.cancel(member, "not_paid", burst)

    def cancel(self, member: Member, reason: str | None, burst: Burst) -> None:
        """End the subscription now. `reason` is absent when the customer asked for it."""
        site = self._site
        subscriptions.cancel(member.subscription, site.now, reason)
        site.touch(member.subscription)
        member.age += 1
        site.truth.money.append(
            Happening(
                kind="subscription_cancelled",
                customer=member.id,
                at=site.now,
                subscription=member.subscription["id"],
            )
        )
        burst.add(
            "subscription_cancelled",
            subscription=member.subscription,
            customer=member.customer,
            card=member.card,
        )

    def _await_transfer(self, member: Member, bill: Resource) -> None:
        bill["status"] = "posted"
        self._add_dues(member, bill)
        # Some wait so long that the next invoice comes first; one transfer then pays both.
        days = member.rng.choice((2, 5, 9, 12, 16, 20, 37))
        self._agenda.at(self._site.now + days * DAY, lambda: self._receive_transfer(member, bill))

    def _receive_transfer(self, member: Member, bill: Resource) -> None:
        if member.deleted or bill not in member.unpaid:
            return
        burst = self._site.burst(member.id, member.rng)
        self._settle(member, list(member.unpaid), burst, "bank_transfer")
        burst.send(BY_ADMIN)

    def _start_debit(self, member: Member, bill: Resource, burst: Burst) -> None:
        site = self._site
        payment = self.transaction(
            member, "payment", "in_progress", bill["amount_due"], "direct_debit"
        )
        bill["linked_payments"].append(money.linked_payment(payment, bill["amount_due"], site.now))
        payment["linked_invoices"].append(money.linked_invoice(bill, bill["amount_due"], site.now))
        self._add_dues(member, bill)
        burst.add("transaction_created", transaction=payment)
        self.tell_payment("payment_initiated", member, payment, bill, burst)
        self._agenda.at(
            site.now + CLEARING_SECONDS, lambda: self._clear_debit(member, payment, bill)
        )

    def _clear_debit(self, member: Member, payment: Resource, bill: Resource) -> None:
        if member.deleted:
            return
        site = self._site
        payment["status"] = "success"
        payment["settled_at"] = site.now
        site.touch(payment)
        burst = site.burst(member.id, member.rng)
        self._credit_payment(member, payment, [bill])
        burst.add("transaction_updated", transaction=payment)
        self._tell_paid(member, payment, [bill], burst)
        burst.send(BY_SCHEDULE)
        if member.rng.random() < LATE_FAILURE_CHANCE:
            self._agenda.at(site.now + 6 * DAY, lambda: self._fail_late(member, payment, bill))

    def _fail_late(self, member: Member, payment: Resource, bill: Resource) -> None:
        """A direct debit that was reported as cleared bounces after all."""
        if member.deleted or payment["linked_refunds"] or bill["issued_credit_notes"]:
            return
        site = self._site
        payment["status"] = "late_failure"
        payment |= {"error_code": DECLINE_CODE, "error_text": DECLINE_TEXT}
        site.touch(payment)
        self.reopen(member, bill, payment)
        site.truth.money.append(
            Happening(
                kind="late_failure",
                customer=member.id,
                at=site.now,
                payment=payment["id"],
                invoice=bill["id"],
                amount_minor=payment["amount"],
                currency=payment["currency_code"],
            )
        )
        burst = site.burst(member.id, member.rng)
        burst.add("transaction_updated", transaction=payment)
        self.tell_payment("payment_failed", member, payment, bill, burst)
        burst.add("invoice_updated", invoice=bill)
        self._go_on_dunning(member, bill, payment, burst)
        burst.send(BY_SCHEDULE)

    def reopen(self, member: Member, bill: Resource, payment: Resource) -> None:
        """Money that had come for an invoice has gone: it is due again."""
        bill["amount_paid"] -= payment["amount"]
        bill["status"] = "payment_due"
        bill.pop("paid_at", None)
        for link in bill["linked_payments"]:
            if link["txn_id"] == payment["id"]:
                link["txn_status"] = payment["status"]
        self._owe(bill, bill["amount_due"] + payment["amount"])
        self._add_dues(member, bill)
