// Amounts with grouped digits, and bars of parts.

import { h, svg } from "./dom.js";

/** An exact amount, its groups separated by space that is not copied; `digits` aligns the decimal points of a column. */
export function amount(text, digits = null) {
  const [, before, whole, fraction] = /^(\D*)(\d+)(\..*)?$/.exec(text);
  const head = whole.length % 3 || 3;
  const wholes = [whole.slice(0, head), ...(whole.slice(head).match(/\d{3}/g) ?? [])];
  const parts = fraction ? ["." + fraction.slice(1, 4), ...(fraction.slice(4).match(/\d{1,3}/g) ?? [])] : [];
  return h("span", { class: "number" }, before, ...wholes.map(group), fractionOf(digits, ...parts.map(group)));
}

/** A word in place of an amount, aligned with the decimal points of its column. */
export function instead(word, digits) {
  return h("span", { class: "number" }, word, fractionOf(digits));
}

function fractionOf(digits, ...parts) {
  const tail = h("span", { class: "fraction" }, ...parts);
  // as wide as the longest fraction of the column, with its gaps and its point
  if (digits !== null) tail.style.width = digits ? `calc(${digits + 1}ch + ${Math.ceil(digits / 3) * 0.16}em)` : "0";
  return tail;
}

function group(text) {
  return h("span", { class: "digits" }, text);
}

/** The number of digits after the decimal point. */
export function fractionDigits(text) {
  return (text.split(".")[1] ?? "").length;
}

const THIN = 1; // percent: the least width of a part that is not empty
const PATTERNS = { stale: "url(#hatch)", unread: "url(#dots)" };

/** A bar of `[kind, size]` parts of `total`; the widest part shrinks where others would be too thin to see. */
export function bar(parts, total, label) {
  const shown = parts.filter(([, size]) => size > 0);
  const widths = shown.map(([, size]) => Math.max(THIN, (100 * size) / total));
  const excess = widths.reduce((sum, width) => sum + width, 0) - 100;
  if (excess > 0) widths[widths.indexOf(Math.max(...widths))] -= excess;
  const drawn = svg("svg", { class: "bar", role: "img", "aria-label": label });
  drawn.append(svg("rect", { class: "track", width: "100%", height: "100%" }));
  let x = 0;
  for (const [at, [kind]] of shown.entries()) {
    const place = { x: `${x.toFixed(3)}%`, width: `${widths[at].toFixed(3)}%`, height: "100%" };
    drawn.append(svg("rect", { class: kind, fill: PATTERNS[kind] ?? null, ...place }));
    x += widths[at];
  }
  return drawn;
}
