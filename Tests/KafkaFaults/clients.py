"""Clients of `/v1/stream` that lose their edge and go on at another one by token, and what they must have been sent."""

import json
import threading
import time

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

STREAMS = {name: f"{name}.v1" for name in ("prices.ticks", "prices.latest", "prices.candles")}


class Client(threading.Thread):
    """One socket with a subscription to each stream. What came after the last token comes again: it must be the same
    bytes, and is counted once."""

    def __init__(self, name, edges, edge, start, speed="max", hop_seconds=None):
        super().__init__(daemon=True, name=name)
        self.edges, self.edge, self.start_at, self.speed = edges, edge, start, speed
        self.hop_seconds = hop_seconds
        self.frames = {stream: [] for stream in STREAMS}
        # By stream: the last token, and how many frames had come by then.
        self.tokens = {}
        self.opened = {}
        self.repeated = {stream: set() for stream in STREAMS}
        self.moves = 0
        self.moves_in_replay = 0
        self.caught_up = set()
        self.problem = None
        self.stopping = False
        self.socket = None
        self.start()

    def run(self):
        while not self.stopping and not self.problem:
            try:
                self.socket = self._connect(self.edge)
                self._subscribe()
                while self._read(self.hop_seconds or 1e9):
                    self._hop()
            except (OSError, WebSocketException):
                pass
            self._lose()
        self.socket.close()

    def _hop(self):
        """Asks the other edge for what comes after what this one has just sent: it may not have heard of that yet."""
        former, self.socket = self.socket, self._connect(self._other())
        self._read(1, former)
        self._lose()
        self._subscribe()
        former.close()

    def _connect(self, edge):
        # No pings: their answers stand behind the data in line, which a busy machine takes long to read.
        return connect(self.edges[edge].websocket_url, subprotocols=["millrace.v1"], max_size=None, compression=None,
                       open_timeout=20, close_timeout=1, ping_interval=None)

    def _other(self):
        return (self.edge + 1) % len(self.edges)

    def _subscribe(self):
        for stream in STREAMS:
            start = {"token": self.tokens[stream][0]} if stream in self.tokens else self.start_at
            self.socket.send(json.dumps({"type": "subscribe", "id": stream, "stream": stream, "keys": "*",
                                         "from": start, "speed": self.speed}))

    def _read(self, seconds, former=None):
        """For so long, or from a former socket until the next token. Whether it shall go on elsewhere then."""
        end = time.monotonic() + seconds
        while not self.stopping and time.monotonic() < end:
            try:
                text = (former or self.socket).recv(timeout=0.2)
            except TimeoutError:
                continue
            if text.startswith(('{"type":"data"', '{"type":"gap"')):
                self.frames[text.split('"', 8)[7]].append(text)
            else:
                self._note(json.loads(text))
                if self.problem or former:
                    break
        return not self.stopping and not self.problem

    def _note(self, frame):
        if frame["type"] == "error":
            self.problem = frame
        elif "token" in frame:
            self.opened.setdefault(frame["id"], frame["pos"])
            self.tokens[frame["id"]] = (frame["token"], len(self.frames[frame["id"]]))
            if frame["type"] == "caughtUp":
                self.caught_up.add(frame["id"])

    def _lose(self):
        """The edge is gone: back to the last token, and to the other edge."""
        self.moves += 1
        self.moves_in_replay += len(self.caught_up) < len(STREAMS)
        for stream, (_, count) in self.tokens.items():
            self.repeated[stream].update(self.frames[stream][count:])
            del self.frames[stream][count:]
        if not self.stopping:
            self.edge = self._other()

    def hurry(self):
        """Leaves the pace of event time, and resumes elsewhere, as after a loss; then it stays there."""
        self.hop_seconds = None
        if self.speed != "max":
            self.speed = "max"
            self.socket.close()

    def end(self, stream):
        """The offset behind the last frame, by partition."""
        ends = {}
        for text in reversed(self.frames[stream]):
            partition, offset = position(json.loads(text)["pos"])
            ends.setdefault(partition, offset + 1)
            if len(ends) == 4:
                break
        return ends

    def stop(self):
        self.stopping = True
        self.join(30)


def position(text):
    partition, offset = text.split(":")
    return int(partition), int(offset)


def shown(records, stream):
    """What a stream shows of a topic, by partition: offset, key, event time. Clocks have no key."""
    return {
        index: [(offset, key.decode(), time) for offset, time, key, _ in content if key is not None]
        for (topic, index), content in records.items() if topic == STREAMS[stream]}


def check(client, records):
    """No gap, no duplicate, no disorder per key, against what the independent reader of the topics read. Returns how
    many frames were held against it."""
    assert client.problem is None, (client.name, client.problem)
    count = 0
    for stream in STREAMS:
        frames = [json.loads(text) for text in client.frames[stream]]
        begin = dict(position(part) for part in client.opened[stream].split(","))
        heard = {index: [] for index in begin}
        last = {}
        for frame in frames:
            partition, offset = position(frame["pos"])
            heard[partition].append((offset, frame["key"], frame["eventTime"]))
            previous = last.get(frame["key"])
            assert previous is None or frame["prev"] == previous, (client.name, stream, frame, previous)
            last[frame["key"]] = frame["pos"]
        for partition, content in shown(records, stream).items():
            expected = [record for record in content if record[0] > begin[partition]]
            assert heard[partition] == expected, (
                f"{client.name}: {stream}-{partition} from {begin[partition]}: "
                f"{difference(heard[partition], expected)}")
        missing = client.repeated[stream] - set(client.frames[stream])
        assert not missing, f"{client.name}: {stream} sent again differently: {sorted(missing)[:2]}"
        count += len(frames)
    return count


def difference(heard, expected):
    place = next((i for i, pair in enumerate(zip(heard, expected)) if pair[0] != pair[1]), min(len(heard), len(expected)))
    return f"{len(heard)} heard of {len(expected)}; at {place} {heard[place:place + 2]}, not {expected[place:place + 2]}"
