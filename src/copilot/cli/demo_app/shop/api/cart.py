"""Products and what a cart of them costs. Money is in cents."""

from collections.abc import Mapping

PRODUCTS = {
    "mug": ("Coffee mug", 1250),
    "tee": ("T-shirt", 2400),
    "cap": ("Cap", 1800),
}
FREE_SHIPPING_FROM = 5000
SHIPPING = 490


def total(cart: Mapping[str, int]) -> int:
    """What a cart costs with shipping. The cart maps products to quantities; raises KeyError for an unknown product."""
    goods = sum(PRODUCTS[product][1] * quantity for product, quantity in cart.items())
    if goods == 0 or goods >= FREE_SHIPPING_FROM:
        return goods
    return goods + SHIPPING
