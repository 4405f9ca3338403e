"""Sets of codes, each of which redeems a coupon once. PURE."""

import re
from typing import Any

from deploy.sandbox.errors import bad_request, not_found, wrong_value
from deploy.sandbox.site import Action, Resource, Site

CODE_CHARS_MAX = 50
CODES_PER_SET_MAX = 1000


class Codes:
    """Codes are one name space for the whole site, whatever their sets."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def create_set(self, params: dict[str, Any], action: Action) -> Resource:
        """`params` are those of the API, already checked one by one; the id is the caller's."""
        site = self._site
        coupon = site.coupons.get(params["coupon_id"])
        if coupon is None:
            raise not_found("Coupon", params["coupon_id"], "coupon_id")
        for held in site.coupon_sets.values():
            for param in ("id", "name"):
                if held[param] == params[param]:
                    message = f"{param} : {params[param]} is already taken"
                    raise bad_request("duplicate_entry", message, param)
        made: Resource = {
            **params,
            "total_count": 0,
            "redeemed_count": 0,
            "archived_count": 0,
            "object": "coupon_set",
        }
        site.coupon_sets[made["id"]] = made
        self._tell("coupon_set_created", made, action)
        return made

    def add(self, coupon_set: Resource, codes: list[str], action: Action) -> None:
        """All of them or none."""
        if coupon_set["total_count"] + len(codes) > CODES_PER_SET_MAX:
            raise bad_request(
                "invalid_request", f"A coupon set holds at most {CODES_PER_SET_MAX} codes", "code"
            )
        for number, code in enumerate(codes):
            self._check(code, f"code[{number}]", codes[:number])
        for code in codes:
            self._site.coupon_codes[code] = {
                "code": code,
                "coupon_id": coupon_set["coupon_id"],
                "coupon_set_id": coupon_set["id"],
                "coupon_set_name": coupon_set["name"],
                "status": "not_redeemed",
                "object": "coupon_code",
            }
        coupon_set["total_count"] += len(codes)
        self._tell("coupon_codes_added", coupon_set, action)

    def _check(self, code: str, param: str, before: list[str]) -> None:
        if not re.fullmatch(rf"[A-Za-z0-9]{{1,{CODE_CHARS_MAX}}}", code):
            raise wrong_value(param, f"should be 1 to {CODE_CHARS_MAX} letters and digits")
        if code in self._site.coupon_codes or code in before:
            raise bad_request("duplicate_entry", f"code : {code} is already taken", param)

    def redeemable(self, code: str) -> str | None:
        """The coupon that a code redeems, None where there is no such code. One that was redeemed
        before is refused.
        """
        held = self._site.coupon_codes.get(code)
        if held is None:
            return None
        if held["status"] != "not_redeemed":
            raise bad_request(
                "resource_limit_exhausted", f"Coupon code {code} is {held['status']}", "coupon_ids"
            )
        return str(held["coupon_id"])

    def redeem(self, code: str) -> None:
        held = self._site.coupon_codes[code]
        held["status"] = "redeemed"
        self._site.coupon_sets[held["coupon_set_id"]]["redeemed_count"] += 1

    def _tell(self, event_type: str, coupon_set: Resource, action: Action) -> None:
        burst = self._site.burst("site")
        coupon = self._site.coupons[coupon_set["coupon_id"]]
        burst.add(event_type, coupon=coupon, coupon_set=coupon_set)
        burst.send(action)
