"""`python -m deploy.screenshots URL FOLDER`: what a page of ours looks like, light and dark, on a phone and at a desk.

Needs Chromium (Debian's package `chromium`). The page is fetched once, with the headers it really has; the pictures in
docs/images were made so, from the link in an acknowledgement of the demo.
"""

import argparse
import html
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import httpx

WITHIN = 60
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Screen:
    """A window to look through."""

    name: str
    width: int
    height: int


SCREENS = (Screen("phone", 390, 1820), Screen("desk", 1024, 1560))
LOOKS = {"light": "1", "dark": "0"}
FRAME = "border:0;display:block;margin:0 auto;height:100vh"
NARROWEST = 500  # no window is narrower: a phone's page stands in a frame


def main() -> int:
    """Take all four."""
    parser = argparse.ArgumentParser(description=__doc__, prog="python -m deploy.screenshots")
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="tracking", help="what the files' names begin with")
    options = parser.parse_args()
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        print("There is no Chromium here: apt-get install chromium")
        return 1
    answer = httpx.get(options.url, headers={"Accept": "text/html"})
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        for screen in SCREENS:
            for look, number in LOOKS.items():
                file = options.folder / f"{options.name}-{screen.name}-{look}.png"
                _take(browser, Path(scratch), answer.text, screen, number, file)
                print(file)
    return 0


def _take(browser: str, scratch: Path, page: str, screen: Screen, look: str, file: Path) -> None:
    shown = scratch / "page.html"
    shown.write_text(page, encoding="utf-8")
    frame = f'<iframe srcdoc="{html.escape(page)}" style="{FRAME};width:{screen.width}px">'
    if screen.width < NARROWEST:
        shown.write_text(f'<!doctype html><body style="margin:0;background:#808080">{frame}</iframe>', encoding="utf-8")
    size = f"{max(screen.width, NARROWEST)},{screen.height}"
    command = [browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    command += [f"--blink-settings=preferredColorScheme={look}", f"--window-size={size}", f"--screenshot={file}"]
    subprocess.run([*command, shown.as_uri()], check=True, capture_output=True, timeout=WITHIN)


if __name__ == "__main__":
    raise SystemExit(main())
