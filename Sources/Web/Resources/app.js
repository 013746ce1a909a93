// The page: one WebSocket, a table of prices, a chart of candles.
import { CandleChart } from "./candle-chart.js";
import { CandleSeries, intervals } from "./candle-series.js";
import {
  formatAmount, formatClock, formatMoment, formatPercent, formatPrice, priceDecimals, signOfPercent, toMillis,
} from "./format.js";
import { PriceTable } from "./price-table.js";
import { StreamClient } from "./stream-client.js";

/** Faster is not easier to read. */
const paintMillis = 200;
/** Delays beyond this are another clock, or a recording of the past: not worth a number. */
const delayMillisMax = 600_000;
/** Candles of history at once: a few screens. */
const historyCount = 1_000;
/** What is streamed from before now, so that it overlaps with the history, however late that was read. */
const overlapMillis = 120_000;

const find = (id) => document.getElementById(id);
/** The part of the address after #: what to show first. */
const wanted = new URLSearchParams(location.hash.slice(1));
const series = new CandleSeries();
const view = {
  interval: intervals[0], loaded: new Set(), frames: 0, positions: new Map(), watermark: null, delay: null,
  gaps: 0, state: "connecting", isCaughtUp: false, isChartDirty: false,
};

const chart = new CandleChart(find("chart"), () => paintReadout());
const table = new PriceTable(find("prices"), (instrument) => choose(instrument));

const client = new StreamClient(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/v1/stream`, {
  onState(state, detail) {
    view.state = state;
    paintState(detail);
  },
  onFrame(frame) {
    view.frames += 1;
    if (frame.type === "data") {
      view.positions.set(frame.stream, frame.pos);
      const delay = Date.now() - toMillis(frame.appendTime);
      if (view.isCaughtUp && Math.abs(delay) < delayMillisMax) view.delay = Math.max(0, delay);
    } else if (frame.type === "progress") {
      view.watermark = frame.watermark ?? view.watermark;
    } else if (frame.type === "gap") {
      view.gaps += 1;
      note(`${frame.value?.source ?? frame.source} lost messages`);
    } else if (frame.type === "fellBehind") {
      note("this page fell behind and is catching up");
    } else if (frame.type === "error") {
      note(frame.message ?? frame.code);
    }
  },
  onBreak() {
    note("a frame was missing; resuming where the chain broke");
  },
});

client.subscribe({ stream: "prices.latest", keys: "*", from: "snapshot" }, {
  onValue(value) { table.apply(value); },
  onReset() { table.clear(); },
  onCaughtUp() { view.isCaughtUp = true; },
});

/** Follows one instrument: its candles as they change, and the history of the interval that is shown. */
function choose(instrument) {
  if (instrument === table.selected) return;
  table.select(instrument);
  series.clear();
  find("instrument").textContent = instrument;
  find("plot-note").textContent = "Waiting for candles …";
  history.replaceState(null, "", `#${new URLSearchParams({ instrument, interval: view.interval.name })}`);
  follow(instrument);
  show();
  paintHeadline();
}

/** Subscribes to the candles of the chosen instrument, all intervals, from a little before now. */
function follow(instrument) {
  // Counted back from the newest event, not from the wall clock: the feed may be a recording of another year.
  const newest = table.value(instrument)?.eventTime;
  const time = Math.floor((newest === undefined ? Date.now() : toMillis(newest)) - overlapMillis);
  view.loaded = new Set();
  client.subscribe({ stream: "prices.candles", keys: [instrument], from: { time } }, {
    onValue(value) { take([value]); },
    onReset() {
      series.clear();
      view.loaded = new Set();
      loadHistory();
    },
  });
}

/** Candles from either side: the newest revision of each wins. */
function take(candles) {
  for (const candle of candles) {
    if (series.apply(candle) && candle.interval === view.interval.name) view.isChartDirty = true;
  }
}

function show() {
  chart.show(series.candles(view.interval.name), view.interval.millis);
  loadHistory();
}

/** Reads the history of the interval that is shown, once; the stream would tell every revision of it. */
async function loadHistory() {
  const instrument = table.selected, interval = view.interval.name, loaded = view.loaded;
  if (!instrument || loaded.has(interval)) return;
  loaded.add(interval);
  try {
    const query = new URLSearchParams({ interval, limit: historyCount });
    const answer = await fetch(`/v1/candles/${encodeURIComponent(instrument)}?${query}`);
    const body = await answer.json();
    // Meanwhile another instrument may have been chosen, or its history be another one.
    if (loaded !== view.loaded) return;
    // Its first tick is too young to have been seen: all there is comes over the stream.
    if (answer.status === 404) return;
    if (!answer.ok) throw new Error(body.detail);
    take(body.candles);
  } catch (error) {
    loaded.delete(interval);
    note(`the history cannot be read: ${error.message}`);
  }
}

for (const [index, interval] of intervals.entries()) {
  const button = find("intervals").appendChild(document.createElement("button"));
  button.type = "button";
  button.textContent = interval.name;
  button.title = `${interval.name} candles (key ${index + 1})`;
  button.addEventListener("click", () => chooseInterval(interval));
}

function chooseInterval(interval) {
  view.interval = interval;
  for (const button of find("intervals").children) {
    button.ariaPressed = String(button.textContent === interval.name);
  }
  if (table.selected) {
    history.replaceState(null, "", `#${new URLSearchParams({ instrument: table.selected, interval: interval.name })}`);
  }
  show();
}

find("filter").addEventListener("input", (event) => table.filter(event.target.value));
document.addEventListener("keydown", (event) => {
  if (event.target.matches("input") || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "/") {
    event.preventDefault();
    find("filter").focus();
  } else if (intervals[Number(event.key) - 1]) {
    chooseInterval(intervals[Number(event.key) - 1]);
  }
});

function note(text) {
  find("note").textContent = text;
  clearTimeout(note.timer);
  note.timer = setTimeout(() => { find("note").textContent = ""; }, 8_000);
}

function paintState(detail) {
  const element = find("state");
  const state = view.state === "open" && view.isCaughtUp ? "live" : view.state;
  element.dataset.state = state;
  element.textContent = {
    connecting: "connecting", open: "catching up", live: "live",
    offline: `offline, next try in ${Math.ceil((detail?.delay ?? 0) / 1000)} s`,
  }[state];
}

function paintHeadline() {
  const value = table.value(table.selected);
  if (!value) return;
  const price = formatPrice(value.price);
  find("price").textContent = price;
  find("price").dataset.direction = value.direction;
  const change = find("change");
  change.dataset.sign = signOfPercent(value.changePercent24h);
  change.textContent = `${formatPercent(value.changePercent24h)} in 24 h`;
  document.title = `${price} ${value.instrument} · Millrace`;
  paintSources(value);
}

/** One chip per source; the chips stay while the sources do, so that a tooltip can be read. */
function paintSources(value) {
  const list = find("sources");
  const names = value.sources.map(({ source }) => source).join();
  if (list.dataset.names !== names) {
    list.dataset.names = names;
    list.replaceChildren(...value.sources.map(({ source }) => {
      const chip = document.createElement("li");
      for (const [className, text] of [["source", source], ["weight", ""], ["quoted-price", ""]]) {
        const part = chip.appendChild(document.createElement("span"));
        part.className = className;
        part.textContent = text;
      }
      return chip;
    }));
  }
  value.sources.forEach((source, index) => {
    const chip = list.children[index];
    chip.children[1].textContent = `×${source.weight}`;
    chip.children[2].textContent = formatPrice(source.price, priceDecimals(value.price));
    const age = (toMillis(value.eventTime) - toMillis(source.eventTime)) / 1000;
    chip.title = `weight ${source.weight}, newest tick ${Math.max(0, age).toFixed(1)} s before this price`;
  });
}

function paintReadout() {
  const candles = series.candles(view.interval.name);
  const candle = chart.hovered ?? candles[candles.length - 1];
  const readout = find("readout");
  readout.replaceChildren();
  if (!candle) return;
  const decimals = priceDecimals(candle.close);
  const fields = [
    ["", formatMoment(candle.start)], ["O", formatPrice(candle.open, decimals)],
    ["H", formatPrice(candle.high, decimals)], ["L", formatPrice(candle.low, decimals)],
    ["C", formatPrice(candle.close, decimals)], ["vol", formatAmount(candle.volume)],
    ["VWAP", candle.vwap === null ? "–" : formatPrice(candle.vwap, decimals)],
    ["ticks", candle.ticks.toLocaleString("en-US")], ["", candle.isFinal ? "final" : `revision ${candle.revision}`],
  ];
  for (const [name, text] of fields) {
    const value = document.createElement("b");
    value.textContent = text;
    readout.append(name ? `${name} ` : "", value);
  }
}

function paint() {
  // Only when all are known: the first one that comes is merely the one that was silent for longest.
  if (!table.selected && view.isCaughtUp && table.size > 0) choose(wanted.get("instrument") ?? table.busiest);
  table.paint();
  if (view.isChartDirty) {
    view.isChartDirty = false;
    find("plot-note").textContent = "";
    chart.update();
  }
  paintReadout();
  paintHeadline();
  find("empty").hidden = table.size > 0;
}

function paintFooter() {
  find("rate").textContent = view.frames.toLocaleString("en-US");
  view.frames = 0;
  find("delay").textContent = view.delay === null ? "–" : `${Math.round(view.delay)} ms`;
  const positions = [...view.positions].sort().map(([stream, pos]) => `${stream.split(".").at(-1)} ${pos}`);
  find("position").textContent = positions.join(", ") || "–";
  find("watermark").textContent = view.watermark === null ? "–" : `${formatClock(toMillis(view.watermark))} UTC`;
  const { checked, breaks } = client.proof;
  find("continuity").textContent = `${checked.toLocaleString("en-US")} frames, ${breaks || "none"} missing`;
  find("chain").dataset.intact = String(breaks === 0);
  find("count").textContent = table.size ? `${table.size} instruments` : "";
  if (view.state === "open") paintState();
}

chooseInterval(intervals.find(({ name }) => name === wanted.get("interval")) ?? intervals[0]);
setInterval(paint, paintMillis);
setInterval(paintFooter, 1_000);
