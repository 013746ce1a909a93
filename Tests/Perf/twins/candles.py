#!/usr/bin/env python3
"""The twin of the fold: DuckDB or Polars over the same ticks in Parquet, on one thread. Prints one JSON object.

    candles.py duckdb|polars TICKS.parquet [--task peers|whole] [--repeats 3]

peers: one-minute open, high, low, close, volume, VWAP and count of each instrument, and its last price.
whole: also 5m, 15m, 1h, 4h and 1d, and the average of each instrument's newest price per source, weighted. Millrace
emits that average as it changes; here it is computed once, at the end, which is less work.
The checksum is over the one-minute candles, as integers at scale 8: equal for all who folded the same ticks.
"""
import argparse
import json
import os
import statistics
import time

# Before the import: Polars reads it once.
os.environ["POLARS_MAX_THREADS"] = "1"

LONGER = {"5m": "5 minutes", "15m": "15 minutes", "1h": "1 hour", "4h": "4 hours", "1d": "1 day"}
STALE_SECONDS = 30


def run_duckdb(path: str, task: str) -> dict:
    import duckdb
    database = duckdb.connect(config={"threads": 1})
    database.execute(f"CREATE VIEW ticks AS SELECT * FROM read_parquet('{path}')")
    # arg_min and arg_max: first() and last() would depend on the order in which row groups are read.
    database.execute("""
        CREATE TABLE candles AS
        SELECT instrument, date_trunc('minute', time) AS start, arg_min(price, time) AS open, max(price) AS high,
               min(price) AS low, arg_max(price, time) AS close, sum(volume) AS volume,
               sum(price * volume) AS turnover, count(*) AS ticks, max(time) AS last
        FROM ticks GROUP BY ALL""")
    last = database.execute("SELECT instrument, arg_max(close, start) FROM candles GROUP BY ALL").fetchall()
    if task == "whole":
        for name, length in LONGER.items():
            database.execute(f"""
                CREATE TABLE "candles{name}" AS
                SELECT instrument, time_bucket(INTERVAL '{length}', start) AS bucket, arg_min(open, start) AS open,
                       max(high) AS high, min(low) AS low, arg_max(close, start) AS close, sum(volume) AS volume,
                       sum(turnover) / sum(volume) AS vwap, sum(ticks) AS ticks
                FROM candles GROUP BY ALL""")
        last = database.execute(f"""
            WITH newest AS (
              SELECT instrument, source, max(time) AS time, arg_max(price, time) AS price FROM ticks GROUP BY ALL
            ), fresh AS (
              SELECT *, max(time) OVER (PARTITION BY instrument) AS newest FROM newest
            )
            SELECT instrument, avg(price) FROM fresh WHERE time >= newest - INTERVAL '{STALE_SECONDS} seconds'
            GROUP BY ALL""").fetchall()
    sums = database.execute("""
        SELECT count(*), sum(ticks), sum(round(open * 1e8)::BIGINT), sum(round(high * 1e8)::BIGINT),
               sum(round(low * 1e8)::BIGINT), sum(round(close * 1e8)::BIGINT), sum(round(volume * 1e8)::BIGINT)
        FROM candles""").fetchone()
    return {"instruments": len(last), "sums": [int(value) for value in sums]}


def run_polars(path: str, task: str) -> dict:
    import polars as pl
    column = pl.col

    def candles(frame, by, columns):
        return frame.group_by("instrument", by).agg(
            columns["open"], columns["high"].max().alias("high"), columns["low"].min().alias("low"),
            columns["close"], column("volume").sum(), columns["turnover"].sum().alias("turnover"), columns["ticks"])

    # Polars keeps the order of rows within a group, and the rows are in order of time: first and last will do.
    minutes = candles(pl.scan_parquet(path), column("time").dt.truncate("1m").alias("start"), {
        "open": column("price").first().alias("open"), "high": column("price"), "low": column("price"),
        "close": column("price").last().alias("close"), "turnover": column("price") * column("volume"),
        "ticks": pl.len().alias("ticks"),
    }).collect(engine="streaming")
    last = minutes.group_by("instrument").agg(column("close").get(column("start").arg_max()))
    if task == "whole":
        minutes = minutes.sort("start")
        for name in LONGER:
            candles(minutes.lazy(), column("start").dt.truncate(name).alias("bucket"), {
                "open": column("open").first(), "high": column("high"), "low": column("low"),
                "close": column("close").last(), "turnover": column("turnover"), "ticks": column("ticks").sum(),
            }).collect(engine="streaming")
        last = (pl.scan_parquet(path).group_by("instrument", "source")
                .agg(column("time").last(), column("price").last())
                .filter(column("time") >= column("time").max().over("instrument")
                        - pl.duration(seconds=STALE_SECONDS))
                .group_by("instrument").agg(column("price").mean()).collect(engine="streaming"))
    scaled = [(column(name) * 1e8).round().cast(pl.Int64).sum() for name in ("open", "high", "low", "close", "volume")]
    sums = minutes.select(pl.len().alias("candles"), column("ticks").cast(pl.Int64).sum(), *scaled).row(0)
    return {"instruments": len(last), "sums": [int(value) for value in sums]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("system", choices=["duckdb", "polars"])
    parser.add_argument("path")
    parser.add_argument("--task", choices=["peers", "whole"], default="peers")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    run = {"duckdb": run_duckdb, "polars": run_polars}[arguments.system]
    seconds = []
    for _ in range(arguments.repeats):
        began = time.perf_counter()
        result = run(arguments.path, arguments.task)
        seconds.append(time.perf_counter() - began)
    names = ["candles", "ticks", "open", "high", "low", "close", "volume"]
    ticks = result["sums"][1]
    print(json.dumps({
        "system": arguments.system, "task": arguments.task, "ticks": ticks,
        "ticksPerSecond": round(ticks / statistics.median(seconds)),
        "bytesPerTick": round(os.path.getsize(arguments.path) / ticks, 2),
        "seconds": [round(value, 3) for value in seconds], "instruments": result["instruments"],
        "checksum": dict(zip(names, result["sums"])),
    }))


if __name__ == "__main__":
    main()
