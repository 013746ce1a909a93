#!/usr/bin/env python3
"""Turns Millrace's dump of ticks into Parquet (ZSTD), once with integer and once with string keys.

    make-parquet.py TICKS.bin DIRECTORY              writes ticks-integers.parquet and ticks-strings.parquet
    make-parquet.py --synthesize N TICKS.bin         writes such a dump itself: 1,000 instruments, 5 sources

A dump is rows of 40 bytes, little-endian, in order of event time:

    +0        +8          +16          +24         +28      +32        +40
    | time ns | price e-8 | volume e-8 | instrument | source | reserved |
"""
import argparse
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

ROW = np.dtype([("time", "<i8"), ("price", "<i8"), ("volume", "<i8"), ("instrument", "<i4"), ("source", "<i4"),
                ("reserved", "<i8")])
ROWS_PER_GROUP = 1_000_000
INSTRUMENTS, SOURCES, EVENTS_PER_SECOND = 1_000, 5, 5_000


def synthesize(count: int, path: pathlib.Path) -> None:
    random = np.random.default_rng(7)
    rows = np.zeros(count, ROW)
    # Strictly rising, and no two in the same microsecond, so that open and close are the same for everyone.
    steps = random.integers(1, 2_000_000 // EVENTS_PER_SECOND, count)
    rows["time"] = 1_760_000_000_000_000_000 + np.cumsum(steps) * 1_000
    rows["instrument"] = random.integers(0, INSTRUMENTS, count)
    rows["source"] = random.integers(0, SOURCES, count)
    # Prices in cents around a level per instrument, volumes with four decimals.
    rows["price"] = ((rows["instrument"].astype("i8") + 10) * 1_000 + random.integers(-50, 51, count)) * 1_000_000
    rows["volume"] = random.integers(1, 50_000, count) * 10_000
    rows.tofile(path)


def convert(dump: pathlib.Path, directory: pathlib.Path) -> None:
    rows = np.memmap(dump, ROW, mode="r")
    micros = rows["time"] // 1_000
    if not (micros[1:] > micros[:-1]).all():
        print("make-parquet: event times tie or go back; opens and closes may differ between systems", flush=True)
    names = pa.array([f"I{index:03d}/USD" for index in range(int(rows["instrument"].max()) + 1)])
    sources = pa.array([f"source{index}" for index in range(int(rows["source"].max()) + 1)])
    writers = {}
    for first in range(0, len(rows), ROWS_PER_GROUP):
        part = rows[first:first + ROWS_PER_GROUP]
        instrument, source = pa.array(part["instrument"]), pa.array(part["source"])
        values = {"time": pa.array(part["time"] // 1_000, pa.timestamp("us")),
                  "price": pa.array(part["price"] / 1e8), "volume": pa.array(part["volume"] / 1e8)}
        for name, keys in {
            "integers": {"instrument": instrument, "source": source},
            "strings": {"instrument": names.take(instrument), "source": sources.take(source)},
        }.items():
            table = pa.table(keys | values)
            if name not in writers:
                writers[name] = pq.ParquetWriter(directory / f"ticks-{name}.parquet", table.schema, compression="zstd")
            writers[name].write_table(table)
    for writer in writers.values():
        writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthesize", type=int, metavar="N")
    parser.add_argument("dump", type=pathlib.Path)
    parser.add_argument("directory", type=pathlib.Path, nargs="?")
    arguments = parser.parse_args()
    if arguments.synthesize:
        synthesize(arguments.synthesize, arguments.dump)
    if arguments.directory:
        arguments.directory.mkdir(parents=True, exist_ok=True)
        convert(arguments.dump, arguments.directory)


if __name__ == "__main__":
    main()
