"""The pure parts of the page: candles by revision, ticks of an axis, numbers as people read them."""
import pytest


@pytest.fixture(scope="module")
def run(browser, server):
    context = browser.new_context(locale="de-DE")
    page = context.new_page()
    page.goto(server.url)
    yield lambda module, body: page.evaluate(
        f"async () => {{ const m = await import('/{module}.js'); {body} }}")
    context.close()


SERIES = """
const series = new m.CandleSeries();
const put = (start, revision, close, interval = "1m") => series.apply({ interval, start, revision, close });
const shown = (interval = "1m") => series.candles(interval).map(({ start, close }) => [start, close]);
"""


def test_a_later_revision_replaces_and_an_earlier_one_does_not(run):
    assert run("candle-series", SERIES + """
      put(60000, 1, 10); put(120000, 1, 11); put(60000, 3, 12);
      return [put(60000, 2, 99), shown()];
    """) == [False, [[60000, 12], [120000, 11]]]


def test_candles_stay_sorted_and_apart_by_interval(run):
    assert run("candle-series", SERIES + """
      for (const start of [180000, 60000, 240000, 120000]) put(start, 1, start / 60000);
      put(0, 1, 7, "5m"); put(0, 1, 7, "2m");
      return [shown(), shown("5m")];
    """) == [[[60000, 1], [120000, 2], [180000, 3], [240000, 4]], [[0, 7]]]


def test_axis_steps_are_nice(run):
    assert run("candle-chart", "return [m.niceStep(100, 5), m.niceStep(0.93, 5), m.niceStep(7e-6, 6)];") \
        == [20, 0.2, pytest.approx(2e-6)]


def test_numbers_do_not_depend_on_the_reader_s_locale(run):
    assert run("format", """
      return [m.formatPrice(97234.5), m.formatPrice(0.00001234), m.formatPercent(-1.5), m.toMillis(1795221577510),
        m.toMillis(1795221577510123456), m.toMillis("2026-11-21T00:39:37.510Z"), m.formatClock(1795221577510)];
    """) == ["97,234.50", "0.0000123400", "\u22121.50 %", 1795221577510, pytest.approx(1795221577510.123),
             1795221577510, "00:39:37"]
