// A client of /v1/stream: subscriptions that survive reconnects and prove, frame by frame, that nothing is missing.
//
//   const client = new StreamClient("wss://host/v1/stream");
//   client.subscribe({ stream: "prices.latest", keys: "*", from: "snapshot" }, { onValue: (value, frame) => ... });
//
// Each data frame names in `prev` the position of the frame before it of the same key. A frame whose `prev` is not what
// was last received proves a loss: the subscription then resumes from its token, and what it already had is dropped.
// Data frames carry no subscription id (they are the same bytes for every client), hence one subscription per stream.

const pingMillis = 20_000;
/** Longer without any frame than two pings: the connection is dead even if TCP has not noticed. */
const silenceMillis = 50_000;
const backoffMillisMin = 500;
const backoffMillisMax = 15_000;
/** Errors after which neither the token nor the chain is of use: the subscription starts over. */
const startsOver = new Set(["token_malformed", "token_stream", "token_epoch", "position_expired",
  "position_after_end", "position_incomplete", "epoch_changed"]);

/** The chain of positions of one subscription. Pure: it looks at frames and says what they prove. */
export class Continuity {
  #last = new Map();
  checked = 0;
  breaks = 0;

  /** `fresh` to deliver; `duplicate` to drop; `broken` if frames between the last one and this one are missing. */
  judge(frame) {
    const last = this.#last.get(frame.key);
    if (last === undefined) return "fresh";
    if (frame.pos === last || isAtOrBefore(frame.pos, last)) return "duplicate";
    // A conflated frame leaves frames out on purpose, and says so.
    return frame.prev === last || frame.conflated ? "fresh" : "broken";
  }

  /** Remembers a delivered frame as the newest of its key. */
  advance(frame) {
    this.#last.set(frame.key, frame.pos);
    this.checked += 1;
  }

  reset() {
    this.#last.clear();
  }
}

/** Compares two positions `partition:offset`; of different partitions neither is before the other. */
export function isAtOrBefore(position, other) {
  const [partition, offset] = position.split(":");
  const [otherPartition, otherOffset] = other.split(":");
  return partition === otherPartition && Number(offset) <= Number(otherOffset);
}

class Subscription {
  constructor(request, handlers, id) {
    this.request = request;
    this.handlers = handlers;
    this.id = id;
    this.token = null;
    this.epoch = null;
    /** A token taken in the middle of a snapshot would resume after the rest of it. */
    this.hasState = request.from !== "snapshot";
    this.isOpen = false;
    this.isLive = false;
    this.continuity = new Continuity();
    /** Position of the break that made us resume; the same break again is the server's last word. */
    this.brokenAt = null;
  }

  take(token) {
    if (token !== undefined && this.hasState) this.token = token;
  }

  wants(key) {
    const keys = this.request.keys;
    return keys === "*" || keys === undefined || keys.includes(key);
  }
}

export class StreamClient {
  #url;
  #observe;
  #socket = null;
  #subscriptions = new Map();
  #nextID = 1;
  #attempt = 0;
  #heardAt = 0;
  #timer = null;
  #isClosed = false;

  /** `observer` may have onState(state, detail), onFrame(frame) and onBreak(subscription, frame). */
  constructor(url, observer = {}, WebSocketType = WebSocket) {
    this.#url = url;
    this.#observe = observer;
    this.WebSocketType = WebSocketType;
    this.#connect();
    this.pinger = setInterval(() => this.#ping(), pingMillis);
    globalThis.addEventListener?.("online", () => this.#reconnectNow());
  }

  /** Replaces an earlier subscription of the same stream. Handlers: onValue(value, frame), onReset(), onCaughtUp(),
   *  onProgress(frame), onError(frame). Returns a function that ends it. */
  subscribe(request, handlers) {
    this.#unsubscribe(this.#subscriptions.get(request.stream));
    const subscription = new Subscription(request, handlers, `s${this.#nextID++}`);
    this.#subscriptions.set(request.stream, subscription);
    this.#open(subscription);
    return () => {
      if (this.#subscriptions.get(request.stream) !== subscription) return;
      this.#unsubscribe(subscription);
      this.#subscriptions.delete(request.stream);
    };
  }

  /** Delivered frames, and breaks that the server could not mend, over all subscriptions. */
  get proof() {
    let checked = 0, breaks = 0;
    for (const { continuity } of this.#subscriptions.values()) {
      checked += continuity.checked;
      breaks += continuity.breaks;
    }
    return { checked, breaks };
  }

  close() {
    this.#isClosed = true;
    clearInterval(this.pinger);
    clearTimeout(this.#timer);
    this.#socket?.close();
  }

  #connect() {
    this.#observe.onState?.("connecting");
    const socket = new this.WebSocketType(this.#url, "millrace.v1");
    this.#socket = socket;
    socket.onopen = () => {
      this.#heardAt = Date.now();
      this.#observe.onState?.("open");
      for (const subscription of this.#subscriptions.values()) this.#open(subscription);
    };
    socket.onmessage = (event) => {
      if (socket === this.#socket) this.#receive(JSON.parse(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.#socket) this.#retry(event);
    };
  }

  #retry(event) {
    this.#socket = null;
    for (const subscription of this.#subscriptions.values()) subscription.isOpen = subscription.isLive = false;
    if (this.#isClosed) return;
    const ceiling = Math.min(backoffMillisMax, backoffMillisMin * 2 ** this.#attempt);
    // Half fixed, half random: a thousand pages do not come back in one instant.
    const delay = ceiling / 2 + Math.random() * ceiling / 2;
    this.#attempt += 1;
    this.#observe.onState?.("offline", { delay, code: event?.code, reason: event?.reason });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), delay);
  }

  #reconnectNow() {
    if (this.#socket || this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#connect();
  }

  #ping() {
    if (this.#socket?.readyState !== 1) return;
    if (Date.now() - this.#heardAt > silenceMillis) {
      const silent = this.#socket;
      this.#retry({ code: 0, reason: "silence" });
      silent.close();
    } else {
      this.#send({ type: "ping" });
    }
  }

  #send(message) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(message));
  }

  #open(subscription) {
    subscription.isOpen = subscription.isLive = false;
    const from = subscription.token ? { token: subscription.token } : subscription.request.from;
    this.#send({ type: "subscribe", id: subscription.id, ...subscription.request, from });
  }

  #unsubscribe(subscription) {
    if (subscription?.id) this.#send({ type: "unsubscribe", id: subscription.id });
  }

  /** Opens the subscription again under a new id; frames still on their way are dropped until that id is opened. */
  #reopen(subscription) {
    this.#unsubscribe(subscription);
    subscription.id = `s${this.#nextID++}`;
    this.#open(subscription);
  }

  /** Forgets token and chain: the history is another one, or no longer there. */
  #restart(subscription) {
    subscription.token = null;
    subscription.hasState = subscription.request.from !== "snapshot";
    subscription.continuity.reset();
    subscription.handlers.onReset?.();
    this.#reopen(subscription);
  }

  #receive(frame) {
    this.#heardAt = Date.now();
    this.#observe.onFrame?.(frame);
    switch (frame.type) {
      case "opened": return this.#opened(frame);
      case "data":
      case "gap": return this.#data(frame);
      case "snapshot": return this.#snapshot(frame);
      case "progress": return this.#progress(frame);
      case "caughtUp": return this.#caughtUp(frame);
      case "fellBehind": return this.#fellBehind(frame);
      case "error": return this.#failed(frame);
    }
  }

  #find(frame) {
    if (frame.id === undefined) return this.#subscriptions.get(frame.stream);
    for (const subscription of this.#subscriptions.values()) if (subscription.id === frame.id) return subscription;
    return undefined;
  }

  #opened(frame) {
    const subscription = this.#find(frame);
    if (!subscription) return;
    this.#attempt = 0;
    const isOtherHistory = subscription.epoch !== null && frame.epoch !== subscription.epoch;
    subscription.epoch = frame.epoch;
    subscription.isOpen = true;
    subscription.take(frame.token);
    if (isOtherHistory) {
      subscription.continuity.reset();
      subscription.handlers.onReset?.();
    }
  }

  #data(frame) {
    const subscription = this.#subscriptions.get(frame.stream);
    if (!subscription?.isOpen || !subscription.wants(frame.key)) return;
    const verdict = subscription.continuity.judge(frame);
    if (verdict === "duplicate") return;
    if (verdict === "broken") {
      this.#observe.onBreak?.(subscription, frame);
      if (subscription.brokenAt !== frame.pos) {
        subscription.brokenAt = frame.pos;
        if (subscription.token) return this.#reopen(subscription);
        return this.#restart(subscription);
      }
      subscription.continuity.breaks += 1;
    }
    subscription.continuity.advance(frame);
    subscription.handlers.onValue(frame.value, frame);
  }

  /** The state at a position: one frame per key, or one frame with all `values`. Data frames continue its chains. */
  #snapshot(frame) {
    const subscription = this.#find(frame);
    if (!subscription?.isOpen) return;
    for (const entry of frame.values ?? [frame]) {
      if (entry.value === undefined || !subscription.wants(entry.key)) continue;
      if (entry.pos !== undefined) {
        if (subscription.continuity.judge(entry) === "duplicate") continue;
        subscription.continuity.advance(entry);
      }
      subscription.handlers.onValue(entry.value, entry);
    }
  }

  #progress(frame) {
    const subscription = this.#find(frame);
    if (!subscription?.isOpen) return;
    subscription.take(frame.token);
    subscription.handlers.onProgress?.(frame);
  }

  #caughtUp(frame) {
    const subscription = this.#find(frame);
    if (!subscription?.isOpen) return;
    subscription.isLive = subscription.hasState = true;
    subscription.take(frame.token);
    subscription.handlers.onCaughtUp?.(frame);
  }

  #fellBehind(frame) {
    const subscription = this.#find(frame);
    if (!subscription?.isOpen) return;
    subscription.isLive = false;
    subscription.take(frame.token);
  }

  #failed(frame) {
    const subscription = this.#find(frame);
    if (!subscription) return;
    subscription.take(frame.token);
    if (startsOver.has(frame.code)) return this.#restart(subscription);
    subscription.handlers.onError?.(frame);
  }
}
