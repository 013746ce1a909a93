"""The page in a real browser: it lives, it can be used from the keyboard, and it comes back without a gap."""
import time
from urllib.parse import urlsplit

import pytest
from conftest import SCREENSHOTS

COLORED_PIXELS = """
() => {
  const canvas = document.getElementById("chart");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let count = 0;
  // Candles are blue or orange; axes, grid and text are grey.
  for (let at = 0; at < data.length; at += 4) if (Math.abs(data[at] - data[at + 2]) > 60 && data[at + 3] > 200) count += 1;
  return count;
}"""
PRICES = """() => [...document.querySelectorAll("#prices td.price")].map((cell) => cell.textContent).join("|")"""
FOUR_HOURS = 4 * 3_600_000
CHART = "() => document.getElementById('chart').toDataURL()"


def differs(page, expression, before):
    page.wait_for_function(f"(before) => ({expression})() !== before", arg=before, timeout=20_000)


def test_prices_and_candles_move(watched, server):
    page = watched.page
    page.wait_for_function(f"() => ({COLORED_PIXELS})() > 20", timeout=20_000)
    differs(page, PRICES, page.evaluate(PRICES))
    differs(page, CHART, page.evaluate(CHART))
    page.wait_for_selector('#state[data-state="live"]', timeout=20_000)
    page.wait_for_function("() => document.getElementById('sources').children.length > 0")
    page.wait_for_timeout(3_000)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "page.png")
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(500)
    page.screenshot(path=SCREENSHOTS / "page-dark.png")
    assert page.get_attribute("#chain", "data-intact") == "true"
    assert watched.errors == []
    own = urlsplit(server.url).netloc
    assert {urlsplit(url).netloc for url in watched.requests} == {own}


def test_what_moves_comes_over_the_socket(watched):
    page = watched.page
    page.wait_for_selector('#state[data-state="live"]', timeout=20_000)
    page.wait_for_function(f"() => ({COLORED_PIXELS})() > 20", timeout=20_000)
    before = len(watched.requests)
    differs(page, PRICES, page.evaluate(PRICES))
    differs(page, CHART, page.evaluate(CHART))
    assert watched.requests[before:] == []
    paths = [urlsplit(url).path for url in watched.requests]
    # The history of the chart is read, once; nothing else is asked for.
    assert {path.split("/")[2] for path in paths if path.startswith("/v1")} == {"stream", "candles"}
    assert sum("candles" in path for path in paths) == 1


def test_history_reaches_back_as_far_as_the_server_has_it(watched):
    page = watched.page
    page.wait_for_selector('#prices tr[aria-selected="true"]')
    asked = []

    def answer(route):
        asked.append(route.request.url)
        newest = int(time.time() * 1000) // FOUR_HOURS * FOUR_HOURS
        candles = [
            {"interval": "4h", "start": newest - back * FOUR_HOURS, "open": 10, "high": 12, "low": 9, "close": 11,
             "volume": 5, "vwap": 10.5, "ticks": 7, "revision": 1, "isFinal": True} for back in range(400, 0, -1)]
        route.fulfill(json={"candles": candles})

    page.route("**/v1/candles/**", answer)
    page.keyboard.press("5")
    page.wait_for_function("() => document.getElementById('plot-note').textContent === ''", timeout=20_000)
    assert len(asked) == 1 and "interval=4h" in asked[0]
    page.focus("#chart")
    for _ in range(300):
        page.keyboard.press("ArrowLeft")
    page.wait_for_function("() => document.getElementById('readout').textContent.includes('ticks 7final')")
    day = time.gmtime(time.time() - 300 * FOUR_HOURS / 1000)
    assert time.strftime("%b", day) in page.inner_text("#readout")
    # Back again: what is loaded is not read twice.
    page.keyboard.press("1")
    page.keyboard.press("5")
    assert len([url for url in asked if "interval=4h" in url]) == 1
    assert watched.errors == []


def test_nothing_foreign_may_run(server, browser):
    answer = browser.new_context().request.get(server.url)
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert "unsafe" not in answer.headers["content-security-policy"]


def test_keyboard(watched):
    page = watched.page
    page.wait_for_selector('#prices tr[aria-selected="true"]')
    first = page.inner_text("#instrument")
    page.focus('#prices tr[aria-selected="true"]')
    page.keyboard.press("End")
    page.wait_for_function("(before) => document.getElementById('instrument').textContent !== before", arg=first)
    page.keyboard.press("2")
    assert page.inner_text('#intervals [aria-pressed="true"]') == "5m"
    page.keyboard.press("/")
    page.keyboard.type(first.split("/")[0])
    assert page.locator("#prices tbody tr:visible").count() < page.locator("#prices tbody tr").count()
    page.focus("#chart")
    page.wait_for_function(f"() => ({COLORED_PIXELS})() > 5", timeout=20_000)
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("-")
    shown = page.inner_text("#readout")
    box = page.locator("#chart").bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 80)
    page.wait_for_function("(before) => document.getElementById('readout').textContent !== before", arg=shown)
    assert watched.errors == []


def test_a_restart_of_the_server_leaves_no_gap(watched, server):
    if server.running is None:
        pytest.skip("MILLRACE_URL: the server is not ours to stop")
    page = watched.page
    page.wait_for_selector('#state[data-state="live"]', timeout=20_000)
    # A token comes with the first progress frame.
    page.wait_for_function("() => document.getElementById('watermark').textContent !== '–'", timeout=20_000)
    server.stop()
    page.wait_for_selector('#state[data-state="offline"]', timeout=20_000)
    before = len(watched.sent)
    server.start()
    page.wait_for_selector('#state[data-state="live"]', timeout=40_000)
    differs(page, PRICES, page.evaluate(PRICES))
    resumed = [frame for frame in watched.sent[before:] if '"subscribe"' in frame]
    assert len(resumed) == 2 and all('"token"' in frame for frame in resumed)
    assert page.get_attribute("#chain", "data-intact") == "true"
    assert page.inner_text("#continuity").endswith("none missing")
