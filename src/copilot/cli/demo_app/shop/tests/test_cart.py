"""The price of a cart."""

import unittest

from api.cart import total


class CartTest(unittest.TestCase):
    """What people pay."""

    def test_an_empty_cart_is_free(self) -> None:
        """Nothing bought, nothing sent."""
        self.assertEqual(total({}), 0)

    def test_a_small_cart_pays_shipping(self) -> None:
        """12.50 and 4.90."""
        self.assertEqual(total({"mug": 1}), 1740)

    def test_quantities_count(self) -> None:
        """Two of one kind."""
        self.assertEqual(total({"mug": 2}), 2990)

    def test_a_large_cart_is_delivered_free(self) -> None:
        """From 50 on."""
        self.assertEqual(total({"tee": 1, "cap": 1, "mug": 1}), 5450)

    def test_only_what_is_sold_can_be_bought(self) -> None:
        """An unknown product is refused."""
        with self.assertRaises(KeyError):
            total({"yacht": 1})


if __name__ == "__main__":
    unittest.main()
