// Addresses: one page of balances at a time, filtered and sorted by the server.

import { send, url } from "./api.js";
import { ask } from "./ask.js";
import { announce, h, keyed, options, put, stamp } from "./dom.js";
import { badge } from "./glyph.js";
import { addressesOf, clock, coins, count, signed } from "./format.js";
import { debounced, paced } from "./pace.js";
import { Pages } from "./pages.js";
import { amount, fractionDigits, instead } from "./picture.js";
import { on, store } from "./store.js";

const ROWS = 50;
const PACE = 3_000; // ms between refreshes of the page while a scan runs
const TYPING = 250; // ms without a keystroke before a search
const COPIED = 1_500; // ms for which a button shows success

class Balances extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.body = this.querySelector("tbody");
    this.pages = new Pages({
      path: "balances",
      limit: ROWS,
      query: () => this.query(),
      draw: (answer, first) => this.draw(answer, first),
      fail: (error) => this.say(error.message),
      previous: this.querySelector("[data-testid=previous-page]"),
      next: this.querySelector("[data-testid=next-page]"),
    });
    const search = debounced(() => this.pages.first(), TYPING);
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this.form.addEventListener("input", ({ target }) => (target.name === "q" ? search() : this.choose()));
    this.body.addEventListener("click", ({ target }) => this.act(target.closest("button")));
    on(["progress", "addresses"], paced(() => this.pages.refresh(), PACE));
    on(["totals"], () => this.drawOptions());
    on(["wallet"], () => this.choose());
    on(["wallets"], () => this.shown && this.draw(...this.shown));
    this.choose();
  }

  query() {
    const { chain, asset, funded, q, sort } = this.form.elements;
    const { wallet } = store;
    return { wallet, chain: chain.value, asset: asset.value, funded: funded.checked, q: q.value.trim(), sort: sort.value };
  }

  choose() {
    this.drawOptions();
    const { wallet, chain, asset, funded } = this.query();
    this.querySelector("a[download]").href = url("balances.csv", { wallet, chain, asset, funded });
    this.pages.first();
  }

  drawOptions() {
    const totals = store.totals ?? [];
    const { chain, asset } = this.form.elements;
    options(chain, [...new Set(totals.map((each) => each.chain))], "All chains");
    const assets = totals.filter((each) => !chain.value || each.chain === chain.value).map((each) => each.asset);
    options(asset, [...new Set(assets)], "All assets");
  }

  draw({ items, totals }, first) {
    this.shown = [{ items, totals }, first];
    const digits = Math.max(0, ...items.map((each) => (each.amount ? fractionDigits(coins(each.amount, each.decimals)) : 0)));
    const numbered = items.map((item, at) => ({ item, at }));
    // rows are reused by position, so that focus and scroll stay
    keyed(this.body, numbered, ({ at }) => at, () => stamp("balances-row"), (row, { item }) => update(row, item, digits));
    this.querySelector(".scroll").hidden = !items.length;
    const { funded, q, sort } = this.query();
    const all = totals.reduce((sum, each) => sum + addressesOf(each), 0);
    const of = funded || q ? "" : ` of ${count(all)}`;
    const rows = `Rows ${count(first)}–${count(first + items.length - 1)}${of}`;
    this.say(items.length ? rows : all ? "Nothing matches this filter." : "No addresses yet.");
    for (const name of ["index", "amount"]) {
      const order = sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none";
      this.querySelector(`th[data-sort=${name}]`).setAttribute("aria-sort", order);
    }
  }

  act(button) {
    if (!button) return;
    if (button.classList.contains("copy")) copy(button);
    else this.label(button.closest("tr").dataset);
  }

  /** Ask what an address is called; without a name it has none any more. */
  label({ address, chain, label }) {
    const work = async (text) => {
      await send("PUT", "labels", { address, chain, text });
      announce(text ? `Called ${text}` : "The label was removed");
      await this.pages.refresh();
    };
    ask({ title: "Label this address", text: `${address} on ${chain}`, label: "Label", value: label, action: "Save", work });
  }

  say(text) {
    this.querySelector("[data-testid=balances-message]").textContent = text;
  }
}

function update(row, item, digits) {
  const pending = signed(item.unconfirmed, item.decimals);
  const value = item.amount === null ? null : coins(item.amount, item.decimals);
  put(row, {
    chain: item.chain,
    index: String(item.index),
    address: item.address,
    path: pathWords(item),
    label: item.label ?? "",
    asset: item.asset,
    amount: value === null ? instead(badge(item.state), digits) : amount(value, digits),
    unit: value === null ? "" : item.asset,
    pending: pending && `${pending} unconfirmed`,
    height: item.height === null ? "" : String(item.height),
    at: item.observed_at ? h("time", { datetime: item.observed_at }, clock(item.observed_at)) : "",
    source: item.source ?? "",
    said: item.amount === null ? "" : saidBy(item),
    state: badge(item.state),
    used: item.used === null || item.amount !== "0" ? "" : item.used ? "used" : "never used",
    error: claimed(item),
  });
  Object.assign(row.dataset, { state: item.state, chain: item.chain, address: item.address, label: item.label ?? "" });
  const button = row.querySelector(".copy");
  button.value = item.address;
  button.setAttribute("aria-label", `Copy ${item.address}`);
  const edit = row.querySelector(".edit");
  edit.setAttribute("aria-label", `${item.label ? "Edit the label of" : "Label"} ${item.address}`);
}

/** The wallets that an address is in, where several could be meant, and its path. */
function pathWords({ path, wallets }) {
  const named = store.wallet || (store.wallets ?? []).length < 2 ? [] : [wallets.join(", ")];
  return [...named, path ?? ""].filter(Boolean).join(" · ");
}

/** Who else said an amount: a mark, and their names. */
function saidBy({ operators, said_by, source }) {
  const others = said_by.filter((name) => name !== source).join(", ");
  return operators > 1 ? badge("confirmed", `and ${others}`) : badge("alone", "one operator");
}

/** An error, or of an unconfirmed claim who claims what, in whole coins; the rest stands under what could not be read. */
function claimed({ error, asset, decimals }) {
  const [claim, rest] = (error ?? "").split(", and no second operator");
  if (rest === undefined) return claim;
  return claim.replace(/(?<= claims )\d+|(?<= where )\d+/g, (amount) => `${coins(amount, decimals)} ${asset}`);
}

async function copy(button) {
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.value);
  } catch {
    // without clipboard permission, select the address for a manual copy
    getSelection().selectAllChildren(button.closest("td").querySelector("[data-f=address]"));
    return;
  }
  announce("Address copied");
  button.classList.add("done");
  setTimeout(() => button.classList.remove("done"), COPIED);
}

customElements.define("hd-balances", Balances);
