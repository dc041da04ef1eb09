// Scan: the progress of every chain, and the buttons that start, stop and retry.

import { ApiError, get, post } from "./api.js";
import { announce, h, keyed, put, stamp } from "./dom.js";
import { badge } from "./glyph.js";
import { addressesOf, clock, count, duration, many, openWords, percent, perSecond, words } from "./format.js";
import { paced } from "./pace.js";
import { bar } from "./picture.js";
import { chainNames, isAuditing, isResumable } from "./state.js";
import { on, store } from "./store.js";

const PACE = 1_000; // ms between plans

class Scan extends HTMLElement {
  connectedCallback() {
    this.left = { chain: new Set(), asset: new Set() }; // unticked names
    this.rows = this.querySelector(".chains");
    this.message = this.querySelector("[data-testid=message]");
    this.buttons = Object.fromEntries([...this.querySelectorAll("button")].map((each) => [each.dataset.testid, each]));
    const { start, stop, retry, restart } = this.buttons;
    start.addEventListener("click", () => this.ask("scans", {}, start.textContent === "Resume" ? "resumed" : "started"));
    retry.addEventListener("click", () => this.ask("scans", { retry: true }, "retries what has no amount"));
    restart.addEventListener("click", () => this.ask("scans", { restart: true }, "started"));
    stop.addEventListener("click", () => this.ask("scans/stop", {}, "is stopping; what was read is kept"));
    this.querySelector("details").addEventListener("change", ({ target }) => {
      this.left[target.name][target.checked ? "delete" : "add"](target.value);
      this.drawButtons();
      this.plan();
    });
    this.plan = paced(() => this.drawPlan(), PACE);
    on(["state", "totals"], () => this.draw());
    on(["addresses", "totals", "wallet"], this.plan);
  }

  draw() {
    const { state, totals } = store;
    const chains = Object.values(state.chains);
    this.tell(state);
    keyed(this.rows, chains, (each) => each.chain, makeChain, updateChain);
    this.querySelector(".empty").hidden = !state.known || chains.length > 0;
    this.querySelector(".loading").hidden = state.known;
    this.drawTrouble(state);
    this.choice("chain", chainNames(state, totals));
    this.choice("asset", [...new Set((totals ?? []).map((each) => each.asset))]);
    this.drawButtons();
  }

  /** Announce changes since the last drawing, and show the progress in the tab's title. */
  tell(state) {
    const before = this.told;
    this.told = state;
    const chains = Object.values(state.chains);
    const all = chains.reduce((sum, each) => sum + each.readings, 0);
    const done = chains.reduce((sum, each) => sum + heard(each), 0);
    document.title = state.running && all ? `${Math.floor((100 * done) / all)} % · hdscan` : "hdscan";
    if (before?.running !== state.running || !before.known) this.plan();
    if (!before?.known) return;
    if (before.running && !state.running && !this.message.classList.contains("error")) this.say("", false);
    const news = chains.filter((each) => each.status !== before.chains[each.chain]?.status).map(sentence);
    if (news.length) announce(news.join(". "));
  }

  /** What the next scan will take, before it is started. */
  async drawPlan() {
    const wanted = () => store.state.known && !store.state.running && (store.totals ?? []).some(addressesOf);
    const { chains = null, assets = null, wallets = null } = wanted() ? this.chosen(true) : {};
    const answer = wanted() ? await get("plan", { chain: chains, asset: assets, wallet: wallets }).catch(() => null) : null;
    const lines = answer?.chains.map((each) => h("span", {}, h("b", {}, each.chain), ` ${each.verdict}`)) ?? [];
    put(this, { plan: wanted() ? lines : [] });
  }

  drawTrouble({ token_errors, errors }) {
    const tokenKey = (each) => `${each.chain} ${each.token}`;
    keyed(this.querySelector(".token-errors"), token_errors, tokenKey, () => stamp("token-error"), updateTokenError);
    const noticeKey = (each) => `${each.at} ${each.chain} ${each.error}`;
    keyed(this.querySelector(".notices"), errors.toReversed(), noticeKey, () => stamp("notice"), updateNotice);
    this.querySelector(".trouble").hidden = !token_errors.length && !errors.length;
  }

  choice(kind, names) {
    const place = this.querySelector(`[data-choice=${kind}]`);
    const box = (name) => h("input", { type: "checkbox", name: kind, value: name, checked: true });
    keyed(place, names, (name) => name, (name) => h("label", {}, box(name), h("span", {}, name)), () => {});
    place.closest("fieldset").hidden = !names.length;
  }

  drawButtons() {
    const { state, totals } = store;
    const named = chainNames(state, totals).filter((name) => !this.left.chain.has(name));
    const chosen = named.map((name) => state.chains[name]).filter(Boolean);
    const sum = (name) => chosen.reduce((total, each) => total + each[name], 0);
    const open = openWords({ unread: sum("unread"), disputed: sum("disputed") });
    const idle = state.known && !state.running;
    const { start, stop, retry, restart } = this.buttons;
    const focused = document.activeElement;
    start.textContent = chosen.some(isResumable) ? "Resume" : "Start";
    retry.textContent = `Retry ${open}`;
    start.hidden = !idle;
    stop.hidden = !state.running;
    retry.hidden = !idle || !open || chosen.some(isResumable);
    restart.hidden = !idle || !chosen.length;
    if (focused?.hidden && this.contains(focused)) this.querySelector("button:not([hidden])")?.focus();
    const left = [...this.left.chain, ...this.left.asset];
    put(this, { chosen: left.length ? `all but ${left.join(", ")}` : "all chains and assets" });
  }

  /** The shown wallet, and the ticked chains and assets, `lenient` where none is; what is not restricted is left out. */
  chosen(lenient = false) {
    const body = store.wallet ? { wallets: [store.wallet] } : {};
    for (const [key, kind] of [["chains", "chain"], ["assets", "asset"]]) {
      const boxes = [...this.querySelectorAll(`[data-choice=${kind}] input`)];
      const ticked = boxes.filter((each) => each.checked).map((each) => each.value);
      if (boxes.length && !ticked.length && !lenient) throw new ApiError("bad_input", `Choose at least one ${kind}.`);
      if (ticked.length < boxes.length) body[key] = ticked;
    }
    return body;
  }

  async ask(path, more, done) {
    this.say("", false);
    for (const button of Object.values(this.buttons)) button.setAttribute("aria-busy", "true");
    try {
      const chosen = this.chosen();
      const { scan_id } = await post(path, path === "scans" ? { ...chosen, ...more } : { chains: chosen.chains });
      this.say(`Scan ${scan_id} ${done}.`, false);
    } catch (error) {
      this.say(error.message, true);
    } finally {
      for (const button of Object.values(this.buttons)) button.removeAttribute("aria-busy");
    }
  }

  say(text, isError) {
    this.message.textContent = text;
    this.message.classList.toggle("error", isError);
  }
}

function makeChain(chain) {
  const row = stamp("chain-row");
  row.dataset.chain = chain.chain;
  return row;
}

function updateChain(row, chain) {
  const running = chain.status === "running";
  const auditing = isAuditing(chain);
  const parts = ["read", "unread", "disputed"].map((kind) => [kind, chain[kind]]);
  const ahead = heard(chain) - ended(chain);
  const share = chain.audit_requests ? `; audits took ${percent(chain.audit_requests, chain.requests)} of the requests` : "";
  put(row, {
    chain: chain.chain,
    status: badge(auditing ? "auditing" : chain.status),
    bar: bar([...parts, ["answered", ahead]], chain.readings || 1, readWords(chain)),
    read: count(chain.read),
    readings: count(chain.readings),
    unread: count(chain.unread),
    disputed: chain.disputed ? [h("b", {}, count(chain.disputed)), " disputed"] : "",
    audited: chain.audited ? [h("b", {}, count(chain.audited)), ` answered by a second operator${share}`] : "",
    funded: count(chain.funded),
    ahead: running && ahead ? [h("b", {}, count(ahead)), " more answered"] : "",
    waiting: chain.waiting ?? "",
    rate: running && chain.rate ? perSecond(chain.rate) : "–",
    eta: running && chain.eta ? duration(chain.eta) : "–",
    seconds: duration(chain.seconds),
    requests: count(chain.requests),
    scan: `scan ${chain.scan_id}`,
    error: chain.error ?? "",
  });
  row.querySelector("[data-testid=chain-unread]").classList.toggle("some", chain.unread > 0);
}

function ended({ read, unread, disputed }) {
  return read + unread + disputed;
}

/** Readings that have ended, committed or not. */
function heard(chain) {
  return Math.max(ended(chain), chain.answered);
}

function readWords(chain) {
  return `${count(chain.read)} of ${count(chain.readings)} read, ${openWords(chain) || "nothing unread"}`;
}

function sentence(chain) {
  return `${chain.chain} ${words(chain.status)}: ${readWords(chain)}`;
}

function updateTokenError(item, error) {
  put(item, {
    token: `${error.token} on ${error.chain}`,
    addresses: many(error.addresses, "address", "addresses"),
    error: error.error,
    code: words(error.code),
    providers: Object.entries(error.providers).flatMap(([name, reason]) => [h("dt", {}, name), h("dd", {}, reason)]),
  });
}

function updateNotice(item, error) {
  const time = h("time", { datetime: error.at }, clock(error.at, { day: false }));
  put(item, { at: time, chain: error.chain, error: error.error, code: words(error.code) });
}

customElements.define("hd-scan", Scan);
