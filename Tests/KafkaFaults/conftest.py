"""The fault runs on Kafka drive the same program as the system tests."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "System"))
