"""Asks a deployed shop for its page: `python3 tests/smoke.py http://localhost:8080/`."""

import sys
from urllib.request import urlopen


def main() -> int:
    """0 if the page shows products and a total, else 1."""
    url = sys.argv[1]
    with urlopen(url, timeout=10) as answer:
        page = answer.read().decode()
    missing = [text for text in ("Coffee mug", "T-shirt", "Cap", "total") if text not in page]
    sys.stdout.write(f"{url}: {'lacks ' + ', '.join(missing) if missing else 'shows the products and a total'}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
