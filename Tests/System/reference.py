"""An independent reference: recorded frames to ticks to candles in a few plain lines, with exact decimals.

It shares nothing with the Swift code: frames by `json` with Decimal numbers, candles in a dictionary.
"""

import base64
import collections
import datetime
import gzip
import json
import pathlib
from decimal import Decimal

INTERVALS = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "4h": 14400, "1d": 86400}
LATENESS = 30 * 10**9
QUOTES = ("USDT", "USDC", "BUSD", "TUSD", "HUSD", "BTC", "ETH", "BNB", "HT", "TRX", "EUR", "GBP", "USD")


def nanos(text):
    moment, _, fraction = text.rstrip("Z").partition(".")
    seconds = datetime.datetime.fromisoformat(moment).replace(tzinfo=datetime.timezone.utc).timestamp()
    return int(seconds) * 10**9 + int((fraction + "000000000")[:9])


def split(symbol):
    quote = next(q for q in QUOTES if symbol.endswith(q))
    return f"{symbol[:-len(quote)]}/{quote}"


def coinbase(m, _):
    name = m.get("product_id", "").replace("-", "/", 1)
    if m["type"] == "ticker":
        yield name, m["price"], 0, nanos(m["time"])
    elif m["type"] in ("match", "last_match"):
        yield name, m["price"], m["size"] if m["type"] == "match" else 0, nanos(m["time"])


def kucoin(m, _):
    data = m.get("data", {})
    if m.get("subject") == "trade.ticker":
        yield m["topic"].split(":")[1].replace("-", "/", 1), data["price"], 0, data["time"] * 10**6
    elif m.get("subject") == "trade.l3match":
        yield data["symbol"].replace("-", "/", 1), data["price"], data["size"], int(data["time"])


def okx(m, _):
    channel = m.get("arg", {}).get("channel")
    for row in m.get("data", []):
        name = row.get("instId", "").replace("-", "/", 1)
        if channel == "tickers":
            yield name, row["last"], 0, int(row["ts"]) * 10**6
        elif channel == "trades":
            yield name, row["px"], row["sz"], int(row["ts"]) * 10**6


def binance(m, _):
    data = m["data"]
    if data.get("e") == "aggTrade":
        yield split(data["s"]), data["p"], data["q"], data["T"] * 10**6


def huobi(m, _):
    if m.get("ch", "").endswith(".trade.detail"):
        for row in reversed(m["tick"]["data"]):  # The newest comes first.
            yield split(m["ch"].split(".")[1].upper()), row["price"], row["amount"], row["ts"] * 10**6


def kraken(m, received):
    if isinstance(m, list):
        name = "/".join({"XBT": "BTC", "XDG": "DOGE"}.get(part, part) for part in m[-1].split("/"))
        if m[-2] == "ticker":
            yield name, m[1]["c"][0], 0, received
        elif m[-2] == "trade":
            for row in m[1]:
                seconds, _, fraction = row[2].partition(".")
                yield name, row[0], row[1], int(seconds) * 10**9 + int((fraction + "000000000")[:9])


MAPPERS = {"coinbase": coinbase, "kucoin": kucoin, "okx": okx, "binance": binance, "huobi": huobi, "kraken": kraken}


def frames(directory):
    """All frames of all venues in order of receipt: (microseconds, venue, direction, message or None)."""
    rows = []
    for path in sorted(pathlib.Path(directory).glob("*.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            text = row["text"] if "text" in row else gzip.decompress(base64.b64decode(row["base64"])).decode()
            rows.append((row["t"], path.stem, row["dir"], text))
    return sorted(rows, key=lambda row: row[0])


def ticks(directory):
    """(received nanos, venue, instrument, price, volume, event nanos) of every tick in the recordings."""
    for received, venue, direction, text in frames(directory):
        if direction == "in":
            message = json.loads(text, parse_float=Decimal)
            for name, price, volume, time in MAPPERS[venue](message, received * 1000):
                yield received * 1000, venue, name, Decimal(price), Decimal(volume), time


def candles(rows):
    """Ticks in order of arrival, as (received, event time, instrument, price, volume), to the newest state of each
    candle: {(instrument, interval, start ms): (open, high, low, close, volume, ticks)}."""
    state, times, stream = {}, {}, 0
    for received, time, name, price, volume in rows:
        stream = max(stream, received // 10**9 * 10**9, time)
        for interval, seconds in INTERVALS.items():
            start = time // (seconds * 10**9) * seconds * 10**9
            if start + seconds * 10**9 + LATENESS <= stream:
                continue
            key = (name, interval, start // 10**6)
            if key not in state:
                state[key], times[key] = [price, price, price, price, volume, 1], [time, time]
                continue
            candle, (first, last) = state[key], times[key]
            if time < first:
                candle[0], times[key][0] = price, time
            if time >= last:
                candle[3], times[key][1] = price, time
            candle[1], candle[2] = max(candle[1], price), min(candle[2], price)
            candle[4] += volume
            candle[5] += 1
    return {key: tuple(value) for key, value in state.items()}


def kinds(directory):
    """How many frames of each venue there are, by direction."""
    return collections.Counter((venue, direction) for _, venue, direction, _ in frames(directory))
