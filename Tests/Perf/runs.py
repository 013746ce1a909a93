"""What all benchmarks share: running a program that prints one JSON object, and what to say where there is none."""
import json
import pathlib
import socket
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
TWINS = ROOT / ".build" / "twins"


class Missing(Exception):
    """What a figure needs is not there."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def on_core(core: int | None, command: list) -> list[str]:
    words = [str(word) for word in command]
    return words if core is None else ["taskset", "-c", str(core), *words]


def run_json(command: list, core: int | None = None, timeout: float = 600) -> dict:
    done = subprocess.run(on_core(core, command), capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0 or not done.stdout.strip():
        said = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise Missing(f"{pathlib.Path(str(command[0])).name} {command[1]} {command[2]}: {said}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
