"""Bad input over HTTP: a clear error by index, the good records of the same request durable."""

import http.client
import json
import time

from harness import Server, replay


def tick(**changes):
    return {"instrument": "BTC/USD", "source": "test", "price": "100.5", "volume": "1", **changes}


def test_each_mistake_is_named_by_index_and_the_rest_is_kept(tmp_path):
    now = int(time.time() * 1000)
    records = [
        tick(price="1"),
        tick(price="-1"),
        tick(price="0"),
        tick(price="1e40"),
        tick(price="abc"),
        tick(instrument="btcusd"),
        tick(eventTime=now + 3_600_000),
        tick(eventTime=1),
        tick(colour="red"),
        {"instrument": "BTC/USD"},
        tick(price="2"),
    ]
    with Server(tmp_path / "data", "--feed", "none") as server:
        status, body, _ = server.ingest(records)
        answer = json.loads(body)
        assert status == 200 and answer["accepted"] == 2 and answer["rejected"] == 9, answer
        assert [error["index"] for error in answer["errors"]] == list(range(1, 10))
        assert all(error["message"] for error in answer["errors"])
        lines = b'{"instrument":"BTC/USD","source":"test","price":3}\n{oops\n\xff\xfe\n' \
            b'{"instrument":"BTC/USD","source":"test","price":9.121E-7}\n'
        status, body, _ = server.request("POST", "/v1/ingest/prices.ticks", lines, {"Content-Type": "application/x-ndjson"})
        answer = json.loads(body)
        assert status == 200 and answer["accepted"] == 2 and [e["index"] for e in answer["errors"]] == [1, 2], answer
        status, body, headers = server.request(
            "POST", "/v1/ingest/prices.ticks", b"{oops", {"Content-Type": "application/json"})
        assert status == 400 and headers["Content-Type"].startswith("application/problem+json")
        host, port = server.base.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        connection.putrequest("POST", "/v1/ingest/prices.ticks")
        connection.putheader("Content-Length", str(2 << 20))
        connection.endheaders()
        assert connection.getresponse().status == 413, "an oversized body is refused before it is sent"
        status, _, _ = server.request("POST", "/v1/ingest/prices.tocks", b"{}", {"Content-Type": "application/json"})
        assert status == 404
        server.kill()
    kept = [json.loads(line, parse_float=str)["value"] for line in replay(tmp_path / "data", "prices.ticks", "--keys", "BTC/USD")]
    assert [str(value["price"]) for value in kept] == ["1", "2", "3", "0.0000009121"]
