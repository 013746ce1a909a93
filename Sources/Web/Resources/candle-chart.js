// Candles, volume, axes and a crosshair on a canvas. Draws on demand, once per animation frame at most.
import { formatDay, formatMinute, formatPrice, priceDecimals } from "./format.js";

const stepMin = 3, stepMax = 40;
/** The range from which the width of a candle is chosen, so that a young market does not look lost. */
const stepAutoMin = 9, stepAutoMax = 20;
const axisHeight = 24, padTop = 12;
/** Part of the plot's height that volume bars may take. */
const volumePart = 0.17;
/** How far wicks may stretch the price axis beyond the bodies on either side, as a part of the bodies' range. */
const wickRoom = 1.5;
const font = "11px system-ui, sans-serif";
const dayMillis = 86_400_000;

/** 1, 2 or 5 times a power of ten, so that about `count` steps span `range`. */
export function niceStep(range, count) {
  const rough = range / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(rough));
  const lead = rough / power;
  return power * (lead > 5 ? 10 : lead > 2 ? 5 : lead > 1 ? 2 : 1);
}

export class CandleChart {
  #canvas;
  #context;
  #onHover;
  #candles = [];
  #count = 0;
  #intervalMillis = 60_000;
  #width = 0;
  #height = 0;
  #step = stepAutoMin;
  #isZoomed = false;
  /** Candles between the newest one and the right edge; negative leaves room. */
  #shift = -2;
  #hover = null;
  #drag = null;
  #isScheduled = false;
  #colors = {};

  /** `onHover()` when the crosshair moves to another candle or away. */
  constructor(canvas, onHover) {
    this.#canvas = canvas;
    this.#context = canvas.getContext("2d");
    this.#onHover = onHover;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#readColors());
    this.#readColors();
    canvas.addEventListener("pointermove", (event) => this.#point(event));
    canvas.addEventListener("pointerdown", (event) => this.#grab(event));
    canvas.addEventListener("pointerup", () => { this.#drag = null; });
    canvas.addEventListener("pointerleave", () => this.#setHover(null));
    canvas.addEventListener("blur", () => this.#setHover(null));
    canvas.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.#key(event));
  }

  /** Shows these candles, sorted by start; the array may be changed in place before the next `update`. */
  show(candles, intervalMillis) {
    this.#candles = candles;
    this.#count = candles.length;
    this.#intervalMillis = intervalMillis;
    this.#shift = -2;
    this.#setHover(null);
    this.update();
  }

  /** The candle under the crosshair, in its newest revision. */
  get hovered() {
    return this.#hover ? this.#candles[this.#hover.index] : undefined;
  }

  update() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#draw();
    });
  }

  #readColors() {
    const style = getComputedStyle(document.documentElement);
    for (const name of ["ink", "quiet", "faint", "grid", "up", "down", "panel", "up-wash", "down-wash", "tag-ink"]) {
      this.#colors[name] = style.getPropertyValue(`--${name}`).trim();
    }
    this.update();
  }

  #resize() {
    const { width, height } = this.#canvas.getBoundingClientRect();
    const ratio = devicePixelRatio || 1;
    this.#width = width;
    this.#height = height;
    this.#canvas.width = Math.round(width * ratio);
    this.#canvas.height = Math.round(height * ratio);
    this.#context.setTransform(ratio, 0, 0, ratio, 0, 0);
    // At once: setting the size has cleared the canvas, and an empty frame would flicker.
    this.#draw();
  }

  // Geometry: candle `index` is centred at `x(index)`, the newest near the right edge.

  #layout() {
    const candles = this.#candles, newest = candles[candles.length - 1];
    const decimals = newest ? priceDecimals(newest.close) : 2;
    this.#context.font = font;
    const axisWidth = newest ? this.#context.measureText(formatPrice(newest.close, decimals)).width + 20 : 60;
    const width = this.#width - axisWidth, height = this.#height - axisHeight;
    const right = candles.length - 1 - this.#shift;
    const x = (index) => width - (right - index + 0.5) * this.#step;
    const first = Math.max(0, Math.floor(right - width / this.#step));
    const last = Math.min(candles.length - 1, Math.ceil(right));
    let low = Infinity, high = -Infinity, volume = 0;
    let lowest = Infinity, highest = -Infinity;
    for (let index = first; index <= last; index += 1) {
      const { open, close } = candles[index];
      low = Math.min(low, open, close);
      high = Math.max(high, open, close);
      lowest = Math.min(lowest, candles[index].low);
      highest = Math.max(highest, candles[index].high);
      volume = Math.max(volume, candles[index].volume);
    }
    // Wicks have room, but not all of it: one wrong trade would press everything else into a line. Its wick runs
    // out of the plot; the readout has its price.
    const room = Math.max((high - low) * wickRoom, Math.abs(high) * 0.0005);
    low = Math.max(lowest, low - room);
    high = Math.min(highest, high + room);
    if (!(high > low)) { high += Math.abs(high) * 0.001 || 1; low -= Math.abs(low) * 0.001 || 1; }
    const bottom = height * (1 - volumePart) - 6;
    const scale = (bottom - padTop) / (high - low);
    const y = (price) => padTop + (high - price) * scale;
    const priceAt = (pixel) => high - (pixel - padTop) / scale;
    return { candles, x, y, priceAt, first, last, low, high, volume, width, height, bottom, decimals, right };
  }

  #draw() {
    const context = this.#context;
    context.clearRect(0, 0, this.#width, this.#height);
    if (this.#candles.length === 0 || this.#width < 80 || this.#height < 80) return;
    // Who looks at the past goes on looking at it when a candle is added.
    if (this.#shift > 0) this.#shift += Math.max(0, this.#candles.length - this.#count);
    this.#count = this.#candles.length;
    if (!this.#isZoomed) this.#step = Math.min(stepAutoMax, Math.max(stepAutoMin, this.#width / (this.#count + 12)));
    const layout = this.#layout();
    context.save();
    context.beginPath();
    context.rect(0, 0, this.#width, layout.height);
    context.clip();
    this.#drawPriceAxis(layout);
    context.restore();
    this.#drawTimeAxis(layout);
    context.save();
    context.beginPath();
    context.rect(0, 0, layout.width, layout.height);
    context.clip();
    this.#drawCandles(layout);
    context.restore();
    this.#drawLastPrice(layout);
    if (this.#hover) this.#drawCrosshair(layout);
  }

  #drawPriceAxis({ width, height, y, priceAt, decimals, bottom }) {
    const context = this.#context;
    const top = priceAt(0), base = priceAt(bottom + 6);
    const step = niceStep(top - base, height / 56);
    context.textAlign = "left";
    context.textBaseline = "middle";
    for (let price = Math.ceil(base / step) * step; price < top; price += step) {
      const row = Math.round(y(price)) + 0.5;
      this.#line(0, row, width, row, this.#colors.grid);
      context.fillStyle = this.#colors.quiet;
      const needed = Math.max(2, Math.ceil(-Math.log10(step)));
      context.fillText(formatPrice(price, Math.min(decimals, needed)), width + 8, row);
    }
  }

  #drawTimeAxis({ candles, x, first, last, width, height }) {
    const context = this.#context;
    this.#line(0, height + 0.5, this.#width, height + 0.5, this.#colors.grid);
    const slots = Math.max(1, Math.ceil(78 / this.#step));
    const candidates = [1, 2, 3, 5, 10, 15, 30, 60, 120, 240, 360, 720, 1440, 2880, 10080, 43200];
    const wanted = slots * this.#intervalMillis / 60_000;
    const tick = (candidates.find((minutes) => minutes >= wanted) ?? 86_400) * 60_000;
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillStyle = this.#colors.quiet;
    let free = 0;
    for (let index = first; index <= last; index += 1) {
      const start = candles[index].start;
      // A tick falls in the first candle at or after it, so that a hole in the market does not swallow it.
      const isTick = index > 0
        ? Math.floor(start / tick) !== Math.floor(candles[index - 1].start / tick) : start % tick === 0;
      const column = x(index);
      if (!isTick || column < Math.max(free, 24) || column > width - 20) continue;
      const isDay = tick >= dayMillis || index === 0 ? tick >= dayMillis
        : Math.floor(start / dayMillis) !== Math.floor(candles[index - 1].start / dayMillis);
      context.fillText(isDay ? formatDay(start) : formatMinute(start), column, height + axisHeight / 2 + 1);
      this.#line(Math.round(column) + 0.5, 0, Math.round(column) + 0.5, height, this.#colors.grid);
      free = column + 56;
    }
  }

  #drawCandles({ candles, x, y, first, last, height, volume }) {
    const context = this.#context;
    // Odd, so that the wick stands in the middle of the body.
    const body = Math.max(1, (Math.floor(this.#step * 0.68) - 1) | 1);
    const tallest = height * volumePart;
    for (let index = first; index <= last; index += 1) {
      const { open, high, low, close, volume: traded } = candles[index];
      const direction = close >= open ? "up" : "down";
      const centre = Math.round(x(index)), left = centre - (body - 1) / 2;
      const bar = volume > 0 ? Math.max(1, tallest * traded / volume) : 0;
      context.fillStyle = this.#colors[`${direction}-wash`];
      context.fillRect(left, height - bar, body, bar);
      const top = Math.round(y(Math.max(open, close))), bottom = Math.round(y(Math.min(open, close)));
      const highest = Math.round(y(high)), lowest = Math.round(y(low));
      context.fillStyle = this.#colors[direction];
      context.fillRect(centre, highest, 1, Math.max(1, lowest - highest));
      context.fillRect(left, top, body, Math.max(1, bottom - top));
      // Up is hollow and down is solid: the difference does not rest on colour alone.
      if (direction === "up" && body >= 5 && bottom - top >= 3) {
        context.fillStyle = this.#colors.panel;
        context.fillRect(left + 1, top + 1, body - 2, bottom - top - 2);
      }
    }
  }

  #drawLastPrice({ candles, y, width, decimals }) {
    const { open, close } = candles[candles.length - 1];
    const row = y(close);
    if (row < 0 || row > this.#height - axisHeight) return;
    const color = this.#colors[close >= open ? "up" : "down"];
    this.#context.setLineDash([2, 3]);
    this.#line(0, Math.round(row) + 0.5, width, Math.round(row) + 0.5, color);
    this.#context.setLineDash([]);
    this.#tag(width, row, formatPrice(close, decimals), color, this.#colors["tag-ink"]);
  }

  #drawCrosshair({ candles, x, y, priceAt, width, height, decimals }) {
    const { index, row } = this.#hover;
    const candle = candles[index];
    if (!candle) return;
    const column = Math.round(x(index)) + 0.5;
    const level = Math.min(height - 1, row ?? y(candle.close));
    this.#line(column, 0, column, height, this.#colors.faint);
    this.#line(0, Math.round(level) + 0.5, width, Math.round(level) + 0.5, this.#colors.faint);
    this.#tag(width, level, formatPrice(priceAt(level), decimals), this.#colors.ink, this.#colors.panel);
    const context = this.#context;
    const label = this.#intervalMillis >= dayMillis ? formatDay(candle.start)
      : `${formatDay(candle.start)} ${formatMinute(candle.start)}`;
    const half = context.measureText(label).width / 2 + 8;
    const middle = Math.min(width - half, Math.max(half, column));
    context.fillStyle = this.#colors.ink;
    context.fillRect(middle - half, height + 3, half * 2, axisHeight - 5);
    context.fillStyle = this.#colors.panel;
    context.textAlign = "center";
    context.fillText(label, middle, height + axisHeight / 2 + 1);
  }

  #line(fromX, fromY, toX, toY, color) {
    const context = this.#context;
    context.strokeStyle = color;
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    context.stroke();
  }

  #tag(x, row, text, background, color) {
    const context = this.#context;
    context.fillStyle = background;
    context.fillRect(x + 1, row - 9, this.#width - x - 2, 18);
    context.fillStyle = color;
    context.textAlign = "left";
    context.textBaseline = "middle";
    context.fillText(text, x + 8, row + 0.5);
  }

  // Pointer and keyboard.

  #setHover(hover) {
    const changed = hover?.index !== this.#hover?.index;
    this.#hover = hover;
    if (changed) this.#onHover();
    this.update();
  }

  #point(event) {
    if (this.#candles.length === 0) return;
    const bounds = this.#canvas.getBoundingClientRect();
    const x = event.clientX - bounds.left, row = event.clientY - bounds.top;
    if (this.#drag) this.#setShift(this.#drag.shift + (x - this.#drag.x) / this.#step);
    const { width, right } = this.#layout();
    const index = Math.round(right - (width - x) / this.#step + 0.5);
    this.#setHover({ index: Math.min(this.#candles.length - 1, Math.max(0, index)), row });
  }

  #grab(event) {
    this.#canvas.setPointerCapture(event.pointerId);
    this.#drag = { x: event.clientX - this.#canvas.getBoundingClientRect().left, shift: this.#shift };
  }

  #wheel(event) {
    event.preventDefault();
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) this.#setShift(this.#shift - event.deltaX / this.#step);
    else this.#zoom(event.deltaY < 0 ? 1.12 : 1 / 1.12);
  }

  #zoom(factor) {
    this.#isZoomed = true;
    this.#step = Math.min(stepMax, Math.max(stepMin, this.#step * factor));
    this.update();
  }

  #setShift(shift) {
    this.#shift = Math.max(-20, Math.min(shift, Math.max(-2, this.#candles.length - 10)));
    this.update();
  }

  #key(event) {
    const count = this.#candles.length;
    if (count === 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const index = this.#hover?.index ?? count;
    const actions = {
      ArrowLeft: () => this.#hoverTo(index - 1),
      ArrowRight: () => this.#hoverTo(index + 1),
      PageUp: () => this.#setShift(this.#shift + 20),
      PageDown: () => this.#setShift(this.#shift - 20),
      End: () => { this.#shift = -2; this.#hoverTo(count - 1); },
      Escape: () => this.#setHover(null),
      "+": () => this.#zoom(1.25),
      "=": () => this.#zoom(1.25),
      "-": () => this.#zoom(0.8),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    action();
  }

  #hoverTo(index) {
    const target = Math.min(this.#candles.length - 1, Math.max(0, index));
    const { first, last } = this.#layout();
    if (target < first + 1) this.#setShift(this.#shift + 10);
    if (target > last - 1) this.#setShift(this.#shift - 10);
    this.#setHover({ index: target, row: null });
  }
}
