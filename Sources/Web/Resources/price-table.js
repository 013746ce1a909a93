// The table of live prices: one row per instrument, painted a few times a second and only where it can be seen.
import { formatAmount, formatPercent, formatPrice, priceDecimals, signOf, signOfPercent, toMillis } from "./format.js";

const trendPoints = 48;
/** Event time between two points of a trend line. */
const trendStepMillis = 1_000;
const flashMillis = 700;
/** A busy row that flashed with every price would only be a coloured row. */
const flashPauseMillis = 1_600;
const svgNamespace = "http://www.w3.org/2000/svg";
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function cell(row, className) {
  const element = row.insertCell();
  element.className = className;
  return element;
}

function drawing(parent, tag) {
  return parent.appendChild(document.createElementNS(svgNamespace, tag));
}

class Row {
  constructor(instrument) {
    this.instrument = instrument;
    this.value = null;
    this.trend = [];
    this.trendAt = 0;
    this.shownPrice = null;
    this.flashAfter = 0;
    const row = this.element = document.createElement("tr");
    row.tabIndex = -1;
    row.dataset.instrument = instrument;
    const [base, quote] = instrument.split("/");
    this.base = base;
    const name = cell(row, "name");
    name.append(base);
    if (quote !== undefined) {
      const quoted = name.appendChild(document.createElement("span"));
      quoted.className = "quoted";
      quoted.textContent = `/${quote}`;
    }
    this.price = cell(row, "number price");
    this.change = cell(row, "number change");
    this.line = drawing(drawing(cell(row, "trend"), "svg"), "polyline");
    const volume = cell(row, "number volume");
    this.volume = volume.appendChild(document.createTextNode(""));
    const unit = volume.appendChild(document.createElement("span"));
    unit.className = "unit";
    unit.textContent = this.base;
    this.sources = cell(row, "sources");
    this.bars = drawing(this.sources, "svg");
    this.sourcesShown = "";
  }

  apply(value) {
    this.value = value;
    this.decimals ??= priceDecimals(value.price);
    const time = toMillis(value.eventTime);
    if (time - this.trendAt >= trendStepMillis || this.trend.length === 0) {
      this.trendAt = time;
      if (this.trend.push(value.price) > trendPoints) this.trend.shift();
    } else {
      this.trend[this.trend.length - 1] = value.price;
    }
  }

  paint() {
    const { value } = this;
    if (this.shownPrice !== value.price) this.#paintPrice(value);
    this.change.textContent = formatPercent(value.changePercent24h);
    this.change.dataset.sign = signOfPercent(value.changePercent24h);
    this.volume.data = `${formatAmount(value.volume24h)} `;
    this.#paintTrend();
    this.#paintSources(value.sources);
  }

  #paintPrice(value) {
    const isFirst = this.shownPrice === null;
    this.shownPrice = value.price;
    this.price.textContent = formatPrice(value.price, this.decimals);
    this.price.dataset.direction = value.direction;
    const now = performance.now();
    if (isFirst || value.direction === "unchanged" || calm.matches || now < this.flashAfter) return;
    this.flashAfter = now + flashPauseMillis;
    this.price.animate(
      [{ backgroundColor: `var(--${value.direction}-wash)` }, { backgroundColor: "transparent" }],
      // In steps: each one costs a painting of the row, and many rows flash at a time.
      { duration: flashMillis, easing: "steps(6)" });
  }

  #paintTrend() {
    const { trend } = this;
    if (trend.length < 3) return;
    const low = Math.min(...trend), high = Math.max(...trend);
    const scale = high > low ? 20 / (high - low) : 0;
    const points = trend.map((price, index) => {
      const x = index * 72 / (trend.length - 1);
      return `${x.toFixed(1)},${(scale ? 22 - (price - low) * scale : 12).toFixed(1)}`;
    });
    this.line.setAttribute("points", points.join(" "));
    this.element.dataset.trend = signOf(trend[trend.length - 1] - trend[0]);
  }

  /** One bar per source, as high as its weight. */
  #paintSources(sources) {
    const shown = sources.map(({ source, weight }) => `${source} ${weight}`).join(", ");
    if (shown === this.sourcesShown) return;
    this.sourcesShown = shown;
    this.sources.title = `weights: ${shown}`;
    this.bars.replaceChildren();
    this.bars.setAttribute("width", String(Math.max(36, sources.length * 7)));
    this.bars.setAttribute("role", "img");
    this.bars.setAttribute("aria-label", shown);
    sources.forEach(({ weight }, index) => {
      const bar = drawing(this.bars, "rect");
      const height = Math.max(2, Math.min(1, weight) * 15);
      for (const [name, value] of Object.entries({ x: index * 7, y: 16 - height, width: 4, height, rx: 1 })) {
        bar.setAttribute(name, String(value));
      }
    });
  }
}

const sortValues = {
  instrument: (row) => row.instrument,
  price: (row) => row.value.price,
  change: (row) => row.value.changePercent24h,
  volume: (row) => row.value.volume24h * row.value.price,
};

export class PriceTable {
  #body;
  #headings;
  #select;
  #rows = new Map();
  #dirty = new Set();
  #visible = new Set();
  #filter = "";
  #sort = { by: "instrument", isDescending: false };
  #needsOrder = false;
  #selected = null;

  /** `onSelect(instrument)` when the user picks a row. */
  constructor(table, onSelect) {
    this.#body = table.tBodies[0];
    this.#headings = table.tHead.rows[0];
    this.#select = onSelect;
    this.#body.addEventListener("click", (event) => this.#pick(event.target.closest("tr")));
    this.#body.addEventListener("keydown", (event) => this.#move(event));
    this.#headings.addEventListener("click", (event) => this.#sortBy(event.target.dataset.sort));
    this.observer = new IntersectionObserver((entries) => {
      for (const { target, isIntersecting } of entries) {
        const row = this.#rows.get(target.dataset.instrument);
        if (isIntersecting) this.#visible.add(row); else this.#visible.delete(row);
      }
    }, { root: table.closest(".scroll"), rootMargin: "200px" });
  }

  get size() { return this.#rows.size; }
  get selected() { return this.#selected; }
  /** The one with the largest turnover: what most people would look at first. */
  get busiest() {
    let best;
    for (const row of this.#rows.values()) {
      if (!best || sortValues.volume(row) > sortValues.volume(best)) best = row;
    }
    return best?.instrument;
  }

  value(instrument) { return this.#rows.get(instrument)?.value; }

  apply(value) {
    let row = this.#rows.get(value.instrument);
    if (!row) {
      row = new Row(value.instrument);
      this.#rows.set(value.instrument, row);
      this.observer.observe(row.element);
      this.#needsOrder = true;
    }
    row.apply(value);
    this.#dirty.add(row);
  }

  clear() {
    this.observer.disconnect();
    this.#rows.clear();
    this.#dirty.clear();
    this.#visible.clear();
    this.#body.replaceChildren();
  }

  /** Shows what changed since the last call. */
  paint() {
    if (this.#needsOrder) this.#order();
    for (const row of this.#dirty) {
      if (!this.#visible.has(row)) continue;
      row.paint();
      this.#dirty.delete(row);
    }
  }

  select(instrument) {
    const before = this.#rows.get(this.#selected), after = this.#rows.get(instrument);
    if (before) { before.element.ariaSelected = "false"; before.element.tabIndex = -1; }
    if (after) { after.element.ariaSelected = "true"; after.element.tabIndex = 0; }
    this.#selected = instrument;
  }

  filter(text) {
    this.#filter = text.trim().toLowerCase();
    this.#hide();
  }

  #hide() {
    for (const row of this.#rows.values()) {
      row.element.hidden = !row.instrument.toLowerCase().includes(this.#filter);
    }
  }

  /** Orders once, not with every price: rows that trade places cannot be read. */
  #order() {
    this.#needsOrder = false;
    const valueOf = sortValues[this.#sort.by], sign = this.#sort.isDescending ? -1 : 1;
    const rows = [...this.#rows.values()].sort((left, right) => {
      const a = valueOf(left), b = valueOf(right);
      return sign * (a < b ? -1 : a > b ? 1 : 0);
    });
    const focused = document.activeElement;
    this.#body.replaceChildren(...rows.map((row) => row.element));
    this.#hide();
    if (this.#body.contains(focused)) focused.focus();
  }

  #sortBy(name) {
    if (!name) return;
    const isSame = this.#sort.by === name;
    this.#sort = { by: name, isDescending: isSame ? !this.#sort.isDescending : name !== "instrument" };
    for (const heading of this.#headings.cells) {
      const isSorted = heading.firstElementChild?.dataset.sort === name;
      if (isSorted) heading.ariaSort = this.#sort.isDescending ? "descending" : "ascending";
      else heading.removeAttribute("aria-sort");
    }
    this.#order();
  }

  #pick(element) {
    if (element) this.#select(element.dataset.instrument);
  }

  #move(event) {
    const rows = [...this.#body.rows].filter((row) => !row.hidden);
    const index = rows.indexOf(event.target.closest("tr"));
    const target = {
      ArrowDown: rows[index + 1], ArrowUp: rows[index - 1], Home: rows[0], End: rows[rows.length - 1],
      Enter: rows[index], " ": rows[index],
    }[event.key];
    if (!target) return;
    event.preventDefault();
    this.#pick(target);
    target.focus();
  }
}
