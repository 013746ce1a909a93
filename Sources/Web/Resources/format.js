// Numbers and times as people read them. Frames carry exact digits; here they are only shown, so a Number will do.

const formats = new Map();

function fixed(decimals) {
  let format = formats.get(decimals);
  if (!format) {
    format = new Intl.NumberFormat("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
    formats.set(decimals, format);
  }
  return format;
}

/** Decimals that show a price of this size to about six significant digits, so that 0.00001234 is not 0.00. */
export function priceDecimals(price) {
  const size = Math.abs(price);
  if (!(size > 0)) return 2;
  return Math.min(12, Math.max(2, 5 - Math.floor(Math.log10(size))));
}

export function formatPrice(price, decimals = priceDecimals(price)) {
  return fixed(decimals).format(price);
}

const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 2 });

export function formatAmount(amount) {
  return compact.format(amount);
}

/** `+1.23 %`, with a true minus sign, so that columns align. */
export function formatPercent(percent) {
  const sign = { up: "+", down: "\u2212", unchanged: "" }[signOfPercent(percent)];
  return `${sign}${fixed(2).format(Math.abs(percent))} %`;
}

/** What is shown as 0.00 has no sign and no colour. */
export function signOfPercent(percent) {
  return Math.abs(percent) < 0.005 ? "unchanged" : signOf(percent);
}

export function signOf(number) {
  return number > 0 ? "up" : number < 0 ? "down" : "unchanged";
}

/** Milliseconds since 1970 of a frame's time: integer milliseconds, integer nanoseconds or RFC 3339. */
export function toMillis(time) {
  if (typeof time === "string") return Date.parse(time);
  return time > 1e15 ? time / 1e6 : time;
}

const pad = (number) => String(number).padStart(2, "0");
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** UTC, because markets are compared across time zones. */
export function formatClock(millis) {
  const date = new Date(millis);
  return `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}:${pad(date.getUTCSeconds())}`;
}

export function formatMinute(millis) {
  const date = new Date(millis);
  return `${pad(date.getUTCHours())}:${pad(date.getUTCMinutes())}`;
}

export function formatDay(millis) {
  const date = new Date(millis);
  return `${date.getUTCDate()} ${months[date.getUTCMonth()]}`;
}

export function formatMoment(millis) {
  const year = new Date(millis).getUTCFullYear();
  return `${formatDay(millis)}${year === new Date().getUTCFullYear() ? "" : ` ${year}`} ${formatMinute(millis)} UTC`;
}
