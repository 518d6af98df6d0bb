"""The README's pictures: starts `icalbridge demo`, photographs its pages in Chromium, ends it (`make screenshots`)."""

from __future__ import annotations

import re
import signal
from functools import partial
from pathlib import Path

from tests.fixtures.chromium import chromium
from tests.fixtures.commands import answer, free_port, running, until

FOLDER = Path(__file__).parent / "screenshots"
GYM = re.compile(r"A gym's page +(\S+)")


def main() -> None:
    """Photograph each page once."""
    FOLDER.mkdir(exist_ok=True)
    base = f"http://127.0.0.1:{free_port()}"
    with running("demo", "--port", base.rpartition(":")[2]) as demo, chromium() as browser:
        until(partial(answer, f"{base}/readyz"), "readiness")
        assert demo.stdout
        gym = next(found[1] for line in demo.stdout if (found := GYM.search(line)))
        page = browser.new_page(viewport={"width": 1100, "height": 900}, timezone_id="America/Los_Angeles")
        for name, address in {"directory": f"{base}/", "facility": gym}.items():
            page.goto(address)
            page.screenshot(path=FOLDER / f"{name}.png")
        demo.send_signal(signal.SIGINT)
        demo.wait(timeout=30)


if __name__ == "__main__":
    main()
