"""The stream client against a server that loses, repeats and rewrites: played by a fake WebSocket inside the page."""
import pytest

FAKE = """
async () => {
  const { StreamClient, Continuity } = await import("/stream-client.js");
  class Fake {
    static all = [];
    constructor() { this.sent = []; this.readyState = 1; Fake.all.push(this); }
    send(text) { this.sent.push(JSON.parse(text)); }
    close() { this.readyState = 3; }
    say(frame) { this.onmessage({ data: JSON.stringify(frame) }); }
    data(key, pos, prev, extra) { this.say({ type: "data", stream: "s", key, pos, prev, value: pos, ...extra }); }
  }
  const seen = [], resets = [];
  const observed = { breaks: 0 };
  const client = new StreamClient("ws://none", { onBreak() { observed.breaks += 1; } }, Fake);
  client.subscribe({ stream: "s", keys: "*", from: "FROM" }, {
    onValue(value) { seen.push(value); }, onReset() { resets.push(seen.length); },
  });
  let socket = Fake.all[0];
  socket.onopen();
  const lastID = () => socket.sent.filter(({ type }) => type === "subscribe").at(-1).id;
  const open = (epoch = "e1") => socket.say({ type: "opened", id: lastID(), stream: "s", epoch });
  const body = async () => { BODY };
  const result = await body();
  client.close();
  return result;
}"""


@pytest.fixture
def play(browser, server):
    context = browser.new_context()
    page = context.new_page()
    page.goto(server.url)
    yield lambda body, start="earliest": page.evaluate(FAKE.replace("BODY", body).replace("FROM", start))
    context.close()


def test_a_whole_chain_is_delivered(play):
    assert play("""
      open();
      socket.say({ type: "snapshot", stream: "s", key: "A", pos: "0:3", value: "0:3" });
      socket.data("A", "0:5", "0:3"); socket.data("B", "0:6", null); socket.data("A", "0:9", "0:5");
      return [seen, observed.breaks, client.proof];
    """) == [["0:3", "0:5", "0:6", "0:9"], 0, {"checked": 4, "breaks": 0}]


def test_what_comes_before_opened_is_not_ours(play):
    assert play('socket.data("A", "0:1", null); open(); socket.data("A", "0:2", "0:1"); return seen;') == ["0:2"]


def test_a_repeated_frame_is_dropped(play):
    assert play("""
      open();
      for (const pos of ["0:1", "0:2"]) socket.data("A", pos, pos === "0:2" ? "0:1" : null);
      socket.data("A", "0:1", null); socket.data("A", "0:2", "0:1"); socket.data("A", "0:10", "0:2");
      return seen;
    """) == ["0:1", "0:2", "0:10"]


def test_a_missing_frame_resumes_from_the_token(play):
    assert play("""
      open();
      socket.data("A", "0:1", null);
      socket.say({ type: "progress", stream: "s", token: "T1" });
      socket.data("A", "0:3", "0:2");
      const request = socket.sent.at(-1);
      socket.data("A", "0:4", "0:3");
      open();
      socket.data("A", "0:1", null); socket.data("A", "0:2", "0:1"); socket.data("A", "0:3", "0:2");
      return [seen, observed.breaks, client.proof.breaks, request.from];
    """) == [["0:1", "0:2", "0:3"], 1, 0, {"token": "T1"}]


def test_a_break_that_stays_is_counted_and_passed(play):
    assert play("""
      open();
      socket.data("A", "0:1", null);
      socket.say({ type: "progress", stream: "s", token: "T1" });
      socket.data("A", "0:3", "0:2");
      open();
      socket.data("A", "0:3", "0:2"); socket.data("A", "0:4", "0:3");
      return [seen, client.proof.breaks];
    """) == [["0:1", "0:3", "0:4"], 1]


def test_a_conflated_frame_is_no_break(play):
    assert play("""
      open(); socket.data("A", "0:1", null); socket.data("A", "0:9", "0:7", { conflated: true });
      return [seen, observed.breaks];
    """) == [["0:1", "0:9"], 0]


def test_a_refused_token_starts_over(play):
    assert play("""
      open(); socket.data("A", "0:1", null);
      socket.say({ type: "progress", stream: "s", token: "T1" });
      socket.data("A", "0:3", "0:2");
      socket.say({ type: "error", id: lastID(), code: "position_expired", message: "retention" });
      const request = socket.sent.at(-1);
      open(); socket.data("A", "0:50", "0:49");
      return [seen, resets, request.from];
    """) == [["0:1", "0:50"], [1], "earliest"]


def test_a_token_from_within_a_snapshot_is_not_used(play):
    assert play("""
      open();
      socket.say({ type: "snapshot", stream: "s", key: "A", pos: "0:3", value: "0:3" });
      socket.say({ type: "progress", id: lastID(), stream: "s", token: "T1" });
      socket.data("A", "0:9", "0:8");
      const early = socket.sent.at(-1).from;
      open();
      socket.say({ type: "snapshot", stream: "s", key: "A", pos: "0:3", value: "0:3" });
      socket.say({ type: "caughtUp", id: lastID(), stream: "s", token: "T2" });
      socket.data("A", "0:10", "0:8");
      return [early, socket.sent.at(-1).from];
    """, "snapshot") == ["snapshot", {"token": "T2"}]


def test_another_epoch_forgets_the_chain(play):
    assert play("""
      open("e1"); socket.data("A", "0:7", null);
      socket.onclose({ code: 1006 });
      await new Promise((done) => setTimeout(done, 700));
      socket = Fake.all.at(-1); socket.onopen();
      open("e2"); socket.data("A", "0:2", null);
      return [seen, resets, Fake.all.length];
    """) == [["0:7", "0:2"], [1], 2]
