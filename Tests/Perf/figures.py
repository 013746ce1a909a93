"""A table of figures: contenders run in turns, medians beside each other, and what was skipped."""
import json
import os
import pathlib
import statistics
import subprocess

from runs import ROOT, Missing, say


class Figures:
    def __init__(self, binary: pathlib.Path, runs: int):
        self.binary = str(binary.resolve())
        self.runs = runs
        self.rows, self.raw, self.skipped, self.failures = [], {}, [], []
        self.work = ROOT / ".build" / "bench"
        self.work.mkdir(parents=True, exist_ok=True)

    def measure(self, name: str, contenders: dict) -> dict:
        """Runs the contenders in turns; returns the runs of each that works, and says why another does not."""
        runs = {key: [] for key in contenders}
        for turn in range(self.runs):
            for key, contender in contenders.items():
                if runs[key] is None:
                    continue
                say(f"bench: {name}, {key}, run {turn + 1} of {self.runs}")
                try:
                    runs[key].append(contender())
                except (Missing, FileNotFoundError, subprocess.TimeoutExpired) as reason:
                    runs[key] = None
                    self.skip(f"{name}, {key}", reason)
        self.raw[name] = {key: value for key, value in runs.items() if value}
        return self.raw[name]

    def skip(self, name: str, reason) -> None:
        self.skipped.append(name)
        say(f"\n*** SKIPPED: {name}: {reason} ***\n")

    def row(self, figure: str, ours, twin=None, twin_name: str = "", aim: str = "", unit: str = "") -> None:
        """`ours` and `twin` are lists of runs."""
        middle = [statistics.median(values) if values else None for values in (ours, twin)]
        ratio = middle[0] / middle[1] if middle[0] is not None and middle[1] else None
        spread = f" ({number(min(ours))}–{number(max(ours))})" if ours and len(ours) > 1 else ""
        self.rows.append([
            figure, f"{number(middle[0])} {unit}{spread}" if ours else "skipped",
            f"{number(middle[1])} {unit} {twin_name}" if twin else "", f"{ratio:.2f}" if ratio else "", aim])

    def report(self, raw: pathlib.Path | None) -> int:
        """Prints the table; `raw` is where every run goes. Returns the exit status."""
        print(f"\n{os.cpu_count()} cores, medians of {self.runs} runs in turns\n\n{table(self.rows)}")
        if raw:
            raw.write_text(json.dumps(self.raw, indent=1))
        for failure in self.failures:
            say(f"bench: FAILED: {failure}")
        if self.skipped:
            say(f"bench: skipped: {'; '.join(self.skipped)}")
        return 1 if self.failures else 0


def number(value) -> str:
    if value is None:
        return "–"
    for size, suffix in ((1e9, " G"), (1e6, " M"), (1e4, " k")):
        if abs(value) >= size:
            return f"{value / (size if size > 1e4 else 1e3):.3g}{suffix}"
    return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.3g}"


def table(rows: list) -> str:
    rows = [["figure", "ours (range)", "twin", "ratio", "aim"], *rows]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in rows]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
