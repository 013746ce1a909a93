"""Damage to files at rest: cuts, flipped bits, zeroed and swapped sectors, garbage, hostile headers; in one process."""

import re
import subprocess

import pytest

from victim import VICTIM

# How many cases the full length has at least, and which share of them the smoke takes.
CAMPAIGNS = {"truncate": (65_536, 97), "flip": (131_072, 211), "sectors": (300, 4), "garbage": (24_576, 301),
             "headers": (2_000, 9), "meta": (1_000, 3)}


def damage(campaign, data, binary=VICTIM, **options):
    command = [binary, "damage", "--campaign", campaign, "--data", str(data)]
    command += [word for name, value in options.items() for word in (f"--{name}", str(value))]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_damage(campaign, memory, full):
    cases, stride = CAMPAIGNS[campaign]
    done = damage(campaign, memory, stride=1 if full else stride)
    print(f"\n{campaign}: {done.stdout.strip().splitlines()[-1] if done.stdout else done.stderr[-500:]}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    if full:
        assert int(re.search(r"cases=(\d+)", done.stdout).group(1)) >= cases
