"""Money that goes back: refunds, whole or in parts, and chargebacks. PURE."""

from deploy.sandbox import money
from deploy.sandbox.billing import Billing
from deploy.sandbox.member import Member
from deploy.sandbox.site import BY_SCHEDULE, Action, Resource, Site
from deploy.sandbox.truth import Happening


class Reversals:
    """A payment here is one that paid exactly one invoice."""

    def __init__(self, site: Site, billing: Billing) -> None:
        self._site = site
        self._billing = billing

    def refund(
        self, member: Member, bill: Resource, payment: Resource, amount_minor: int, action: Action
    ) -> None:
        """Give back a part of one payment: a refund transaction for a credit note of its own."""
        site = self._site
        line = self._billing.line(member, member.price, amount_minor, "Refund", site.now)
        note = money.credit_note(
            f"CN-{site.number('credit_note')}",
            member.subscription,
            [line],
            invoice_id=bill["id"],
            reason="service_unsatisfactory",
            total_minor=amount_minor,
            at=site.now,
        )
        site.credit_notes[note["id"]] = note
        back = self._billing.transaction(
            member, "refund", "success", amount_minor, payment["payment_method"]
        )
        back["refunded_txn_id"] = payment["id"]
        note |= {
            "status": "refunded",
            "amount_refunded": amount_minor,
            "amount_available": 0,
            "refunded_at": site.now,
        }
        back["linked_credit_notes"] = [_linked_note(note, amount_minor, site.now)]
        note["linked_refunds"].append(money.linked_payment(back, amount_minor, site.now))
        bill["issued_credit_notes"].append(money.issued_note(note))
        payment["linked_refunds"].append(
            {
                "txn_id": back["id"],
                "txn_status": "success",
                "txn_date": site.now,
                "txn_amount": amount_minor,
            }
        )
        site.touch(bill)
        site.touch(payment)
        site.truth.money.append(
            Happening(
                kind="refund",
                customer=member.id,
                at=site.now,
                transaction=back["id"],
                payment=payment["id"],
                invoice=bill["id"],
                amount_minor=amount_minor,
                currency=back["currency_code"],
            )
        )
        burst = site.burst(member.id, member.rng)
        burst.add("credit_note_created", credit_note=note)
        burst.add("transaction_created", transaction=back)
        burst.add(
            "payment_refunded",
            transaction=back,
            invoice=bill,
            credit_note=note,
            customer=member.customer,
            subscription=member.subscription,
            card=member.card,
        )
        burst.add("invoice_updated", invoice=bill)
        burst.send(action)

    def charge_back(self, member: Member, bill: Resource, payment: Resource) -> None:
        """The bank takes a card payment back: a reversal, and a subscription that ends for it."""
        site = self._site
        back = self._billing.transaction(
            member, "payment_reversal", "success", payment["amount"], payment["payment_method"]
        )
        back["linked_payments"] = [
            {
                "id": payment["id"],
                "status": payment["status"],
                "amount": payment["amount"],
                "date": payment["date"],
            }
        ]
        payment["reversal_transaction_id"] = back["id"]
        site.touch(payment)
        self._billing.reopen(member, bill, payment)
        site.truth.money.append(
            Happening(
                kind="chargeback",
                customer=member.id,
                at=site.now,
                transaction=back["id"],
                payment=payment["id"],
                invoice=bill["id"],
                amount_minor=back["amount"],
                currency=back["currency_code"],
            )
        )
        burst = site.burst(member.id, member.rng)
        burst.add("transaction_created", transaction=back)
        burst.add("transaction_updated", transaction=payment)
        self._billing.give_up(member, bill, burst)
        burst.add("invoice_updated", invoice=bill)
        burst.send(BY_SCHEDULE)


def _linked_note(note: Resource, applied_minor: int, at: int) -> Resource:
    return {
        "cn_id": note["id"],
        "applied_amount": applied_minor,
        "applied_at": at,
        "cn_reason_code": note["reason_code"],
        "cn_date": note["date"],
        "cn_total": note["total"],
        "cn_status": note["status"],
        "cn_reference_invoice_id": note["reference_invoice_id"],
    }
