// Numbers, times and names as text. Amounts are BigInt or text, never Number.

const COUNT = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const RATE = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });

/** An amount of base units in whole coins, exact, without trailing zeros: coins("150000000", 8) is 1.5. */
export function coins(baseUnits, decimals) {
  const number = BigInt(baseUnits);
  const digits = (number < 0n ? -number : number).toString().padStart(decimals + 1, "0");
  const whole = digits.slice(0, digits.length - decimals);
  const fraction = digits.slice(digits.length - decimals).replace(/0+$/, "");
  return (number < 0n ? "-" : "") + whole + (fraction && `.${fraction}`);
}

/** An amount with its sign, or "" where it is zero or unknown. */
export function signed(baseUnits, decimals) {
  if (baseUnits === null || BigInt(baseUnits) === 0n) return "";
  return (BigInt(baseUnits) > 0n ? "+" : "") + coins(baseUnits, decimals);
}

/** A count with thousands separators. */
export function count(number) {
  return COUNT.format(number);
}

/** A count and its noun: "1 address", "2 addresses". */
export function many(number, one, more) {
  return `${count(number)} ${number === 1 ? one : more}`;
}

/** A rate per second. */
export function perSecond(rate) {
  return `${RATE.format(rate)}/s`;
}

/** Seconds for people: 45 s, 3 min 20 s, 2 h 5 min. */
export function duration(seconds) {
  const total = Math.round(seconds);
  if (total < 60) return `${total} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min ${total % 60} s`;
  return `${count(Math.floor(total / 3600))} h ${Math.floor((total % 3600) / 60)} min`;
}

/** An RFC 3339 time in the local zone; without `day`, the date is left out for today. */
export function clock(time, { day = true } = {}) {
  const at = new Date(time);
  if (Number.isNaN(at.getTime())) return time;
  const two = (number) => String(number).padStart(2, "0");
  const hours = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
  if (!day && at.toDateString() === new Date().toDateString()) return hours;
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${hours}`;
}

/** A share in whole percent, rounded down, so that 100 % is all of it. */
export function percent(part, whole) {
  const share = Math.floor((100 * part) / whole);
  return part && !share ? "under 1 %" : `${share} %`;
}

/** Which share of what was read two operators said, or "" where nothing was read. */
export function confirmedWords(totals) {
  const sum = (each) => totals.reduce((so, total) => so + each(total), 0);
  const held = sum((total) => total.funded ?? 0);
  const shares = [
    [sum((total) => total.confirmed_funded), held, "what is held"],
    [sum((total) => total.confirmed_zeros), sum((total) => total.read) - held, "the zeros"],
  ].filter(([, whole]) => whole);
  return shares.map(([part, whole, what]) => `${percent(part, whole)} of ${what}`).join(", ");
}

/** All addresses of a total, whatever became of them. */
export function addressesOf(total) {
  return total.read + total.stale + total.unread + total.disputed;
}

/** Readings without an amount: "12 unread, 3 disputed", or "". */
export function openWords({ unread, disputed }) {
  const parts = [[unread, "unread"], [disputed, "disputed"]].filter(([size]) => size);
  return parts.map(([size, word]) => `${count(size)} ${word}`).join(", ");
}

/** A name of the API as words: completed_with_gaps is "completed with gaps". */
export function words(name) {
  return name.replaceAll("_", " ");
}
