"""A way to the broker on which the ends of transactions get stuck.

Requests and answers of Kafka are frames: a length, and for requests what is asked (an API key), its version and a
number; answers begin with the number. See https://kafka.apache.org/protocol.html.
"""

import asyncio
import random
import struct
import threading

ADD_PARTITIONS_TO_TXN, END_TXN = 24, 26
# The request is delivered once the client has given up, asked again and begun its next transaction; it is delivered at
# once, and its answer never, or when the client is about to give up, or just has.
FATES = ["request late", "answer lost", "answer late"]


class Proxy:
    """Listens on a port of its own from the beginning; `upstream` is set before the first client comes."""

    def __init__(self, seed, timeout_seconds):
        self.chance = random.Random(seed)
        self.upstream = None
        self.fates = []
        self.timeout_seconds = timeout_seconds
        self.held = []
        # By transactional id: that a transaction began since one was held.
        self.began = {}
        # By transactional id: the last producer that was not answered in time.
        self.suspects = {}
        # Those that went on after that.
        self.reused = []
        self.loop = asyncio.new_event_loop()
        listening = threading.Event()
        threading.Thread(target=self._run, args=(listening,), daemon=True).start()
        listening.wait()

    def _run(self, listening):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        self.loop.run_forever()

    def hold(self, count, fates):
        """From now on, the ends of `count` transactions that commit, some of them left alone in between."""
        self.fates = [fates[number % len(fates)] for number in range(count)]

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)

    async def _serve(self, reader, writer):
        try:
            broker_reader, broker_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            return writer.close()
        fates = {}
        answers = asyncio.ensure_future(self._answer(broker_reader, writer, fates))
        try:
            while frame := await read_frame(reader):
                fate, name = self._look(frame)
                if fate == "request late":
                    await self._worst_moment(name)
                fates[frame[8:12]] = fate
                broker_writer.write(frame)
                await broker_writer.drain()
        except OSError:
            pass
        # What was delivered late is answered to nobody, but must have been read.
        await asyncio.wait([answers], timeout=0.5)
        answers.cancel()
        for end in (broker_writer, writer):
            end.close()

    async def _worst_moment(self, name):
        """In the middle of the next transaction, if there is one soon."""
        await asyncio.sleep(self.timeout_seconds)
        try:
            await asyncio.wait_for(self.began[name].wait(), 2)
        except TimeoutError:
            pass
        await asyncio.sleep(self.chance.uniform(0, 0.02))

    async def _answer(self, broker_reader, writer, fates):
        try:
            while frame := await read_frame(broker_reader):
                fate = fates.pop(frame[4:8], None)
                if fate == "answer late":
                    await asyncio.sleep(self.timeout_seconds * self.chance.uniform(0.9, 1.1))
                if fate != "answer lost":
                    writer.write(frame)
                    await writer.drain()
        except OSError:
            pass
        writer.close()

    def _look(self, frame):
        """What becomes of a request, None for nothing special, and its transactional id."""
        key, version = struct.unpack(">hh", frame[4:8])
        if key not in (ADD_PARTITIONS_TO_TXN, END_TXN):
            return None, None
        assert version < 3, f"an encoding that this does not read: {key} in version {version}"
        place = 14 + max(0, struct.unpack(">h", frame[12:14])[0])
        size = struct.unpack(">h", frame[place:place + 2])[0]
        name = frame[place + 2:place + 2 + size]
        producer = struct.unpack(">qh", frame[place + 2 + size:place + 12 + size])
        if key == ADD_PARTITIONS_TO_TXN:
            if self.suspects.get(name) == producer:
                self.reused.append((name, producer))
            if name in self.began:
                self.began[name].set()
            return None, name
        commits = frame[place + 12 + size]
        if not self.fates or not commits or self.chance.random() < 0.5:
            return None, name
        self.held.append(self.fates.pop())
        if self.held[-1] != "answer late":
            self.suspects[name] = producer
        self.began[name] = asyncio.Event()
        return self.held[-1], name


async def read_frame(reader):
    """A frame with its length, or None at the end."""
    try:
        head = await reader.readexactly(4)
        return head + await reader.readexactly(struct.unpack(">i", head)[0])
    except (asyncio.IncompleteReadError, OSError):
        return None
