"""An independent reader of Kafka record batches (format 2), written from the protocol's description alone.

Usage: record_batch.py FILE: reads one batch in hexadecimal per line, prints one JSON line per batch.
"""
import json
import struct
import sys


def crc_of_byte(crc):
    for _ in range(8):
        crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc


CRCS = [crc_of_byte(byte) for byte in range(256)]


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRCS[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def lz4_block(data):
    out, at = bytearray(), 0

    def more(length):
        nonlocal at
        while length >= 15:
            length += data[at]
            at += 1
            if data[at - 1] != 255:
                break
        return length

    while True:
        token = data[at]
        at += 1
        count = more(token >> 4) if token >> 4 == 15 else token >> 4
        out += data[at:at + count]
        at += count
        if at == len(data):
            return bytes(out)
        distance = data[at] | data[at + 1] << 8
        at += 2
        count = (more(token & 15) if token & 15 == 15 else token & 15) + 4
        for _ in range(count):
            out.append(out[-distance])


def lz4_frame(data):
    assert data[:4] == b"\x04\x22\x4d\x18", "not an LZ4 frame"
    flags = data[4]
    assert flags >> 6 == 1 and flags & 0x20, "Kafka reads version 1 with independent blocks only"
    at = 7 + (8 if flags & 8 else 0)
    out = b""
    while True:
        (size,) = struct.unpack_from("<I", data, at)
        at += 4
        if size == 0:
            break
        block = data[at:at + (size & 0x7FFFFFFF)]
        at += (size & 0x7FFFFFFF) + (4 if flags & 0x10 else 0)
        out += block if size >> 31 else lz4_block(block)
    at += 4 if flags & 4 else 0
    assert at == len(data), "bytes after the frame"
    return out


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return (value >> 1) ^ -(value & 1), at


def part(data, at):
    length, at = varint(data, at)
    return (None, at) if length < 0 else (data[at:at + length].hex(), at + length)


def parse(batch):
    base, length, _, magic, crc, attributes, last, first_time, max_time, producer, epoch, sequence, count = struct.unpack(
        ">qiibIhiqqqhii", batch[:61])
    assert length == len(batch) - 12 and magic == 2 and crc == crc32c(batch[21:])
    assert (producer, epoch, sequence) == (-1, -1, -1) and attributes & ~7 == 0 and last == count - 1
    data = batch[61:]
    if attributes & 7 == 3:
        data = lz4_frame(data)
    else:
        assert attributes & 7 == 0
    records, at = [], 0
    for _ in range(count):
        length, at = varint(data, at)
        end = at + length
        assert data[at] == 0
        time, at = varint(data, at + 1)
        offset, at = varint(data, at)
        key, at = part(data, at)
        value, at = part(data, at)
        headers, at = varint(data, at)
        for _ in range(headers):
            name, at = part(data, at)
            assert name is not None, "a header without a key"
            _, at = part(data, at)
        assert at == end, "a wrong length"
        records.append([base + offset, first_time + time, key, value])
    assert at == len(data) and max(record[1] for record in records) == max_time
    return records


if __name__ == "__main__":
    for line in open(sys.argv[1]):
        print(json.dumps(parse(bytes.fromhex(line)), separators=(",", ":")))
