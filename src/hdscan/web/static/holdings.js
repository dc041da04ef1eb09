// Holdings per chain and asset; "≥" wherever anything is unread, disputed or stale.

import { get } from "./api.js";
import { keyed, put, stamp } from "./dom.js";
import { badge } from "./glyph.js";
import { addressesOf, coins, confirmedWords, count, many, openWords, signed } from "./format.js";
import { paced } from "./pace.js";
import { amount, bar, fractionDigits, instead } from "./picture.js";
import { on, setTotals, store } from "./store.js";

const PACE = 2_000; // ms

async function loadTotals() {
  const { wallet } = store;
  const answer = await get("balances", { wallet, limit: 1 }).catch(() => null); // the header shows a lost connection
  if (answer && wallet === store.wallet) setTotals(answer.totals);
}

/** Get the totals, at most once in two seconds. */
const refreshTotals = paced(loadTotals, PACE);

on(["progress", "addresses"], refreshTotals);
on(["wallet"], loadTotals);

/** What a total's amount leaves out: "12 unread, 3 stale with 1.5 BTC not added". */
function missingWords(total) {
  const held = `${coins(total.stale_amount, total.decimals)} ${total.asset}`;
  const stale = total.stale ? [`${count(total.stale)} stale with ${held} not added`] : [];
  return [openWords(total), ...stale].filter(Boolean).join(", ");
}

class Holdings extends HTMLElement {
  connectedCallback() {
    this.list = this.querySelector("ul");
    on(["totals"], () => this.draw());
    refreshTotals();
  }

  draw() {
    const totals = store.totals.filter(addressesOf);
    const digits = Math.max(0, ...totals.map((each) => (each.amount ? fractionDigits(coins(each.amount, each.decimals)) : 0)));
    keyed(this.list, totals, (each) => `${each.chain} ${each.asset}`, make, (row, total) => update(row, total, digits));
    this.querySelector(".loading").hidden = true;
    this.querySelector(".legend").hidden = !totals.length;
    const words = confirmedWords(totals);
    put(this, { confirmed: words && `Confirmed by two operators: ${words}` });
    this.querySelector(".empty").hidden = totals.length > 0;
  }
}

function make(total) {
  const row = stamp("holding");
  row.dataset.chain = total.chain;
  row.dataset.asset = total.asset;
  return row;
}

function update(row, total, digits) {
  const all = addressesOf(total);
  const partial = all > total.read;
  const pending = signed(total.unconfirmed, total.decimals);
  const funded = total.funded ?? 0;
  const zero = total.read - funded;
  const of = `of ${many(all, "address", "addresses")}`;
  const fundedWords = total.funded === null ? `none ${of} read` : `${partial ? "≥ " : ""}${count(funded)} ${of} funded`;
  const parts = [["funded", funded], ["zero", zero], ["stale", total.stale], ["unread", total.unread], ["disputed", total.disputed]];
  const label = parts.map(([kind, size]) => `${count(size)} ${kind === "zero" ? "read, empty" : kind}`).join(", ");
  const value = total.amount === null ? null : coins(total.amount, total.decimals);
  put(row, {
    chain: total.chain,
    amount: value === null ? instead(badge(total.unread || !total.disputed ? "unread" : "disputed"), digits) : amount((partial ? "≥ " : "") + value, digits),
    asset: total.asset,
    missing: missingWords(total),
    pending: pending && `${pending} unconfirmed`,
    bar: bar(parts, all, label),
    funded: fundedWords,
  });
}

customElements.define("hd-holdings", Holdings);
