"""What carts cost: `python3 -m tests.prices`."""

import sys

from api.cart import total

CARTS = (
    ("nothing", {}, 0),
    ("a mug, with shipping,", {"mug": 1}, 1740),
    ("two mugs, with shipping,", {"mug": 2}, 2990),
    ("a T-shirt, a cap and a mug, delivered free,", {"tee": 1, "cap": 1, "mug": 1}, 5450),
)
"""What is bought, the cart, and its price in cents."""


def main() -> int:
    """0 if every cart costs what it should, else 1."""
    wrong = 0
    for what, cart, price in CARTS:
        paid = total(cart)
        wrong += paid != price
        verdict = "ok   " if paid == price else "WRONG"
        instead = "" if paid == price else f", not {price / 100:.2f}"
        sys.stdout.write(f"{verdict}  {what} costs {paid / 100:.2f}{instead}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
