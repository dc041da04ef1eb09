// Scan: how every chain stands, and the buttons that start, stop and retry.

import { ApiError, post } from "./api.js";
import { announce, h, keyed, put, stamp } from "./dom.js";
import { badge } from "./glyph.js";
import { clock, count, duration, many, perSecond, words } from "./format.js";
import { bar } from "./picture.js";
import { chainNames, isResumable } from "./state.js";
import { on, store } from "./store.js";

class Scan extends HTMLElement {
  connectedCallback() {
    this.left = { chain: new Set(), asset: new Set() }; // what was unticked: all is chosen until then
    this.rows = this.querySelector(".chains");
    this.message = this.querySelector("[data-testid=message]");
    this.buttons = Object.fromEntries([...this.querySelectorAll("button")].map((each) => [each.dataset.testid, each]));
    const begin = (more) => () => this.ask("scans", () => ({ ...this.chosen(), ...more }));
    this.buttons.start.addEventListener("click", begin({}));
    this.buttons.retry.addEventListener("click", begin({ retry: true }));
    this.buttons.restart.addEventListener("click", begin({ restart: true }));
    this.buttons.stop.addEventListener("click", () => this.ask("scans/stop", () => ({ chains: this.chosen().chains ?? [] })));
    this.querySelector("details").addEventListener("change", ({ target }) => {
      this.left[target.name][target.checked ? "delete" : "add"](target.value);
      this.drawButtons();
    });
    on(["state", "totals"], () => this.draw());
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

  /** Announce what changed since the last drawing, and show the progress in the tab's title. */
  tell(state) {
    const before = this.told;
    this.told = state;
    const chains = Object.values(state.chains);
    const all = chains.reduce((sum, each) => sum + each.readings, 0);
    const done = chains.reduce((sum, each) => sum + each.read + each.unread + each.disputed, 0);
    document.title = state.running && all ? `${Math.floor((100 * done) / all)} % · hdscan` : "hdscan";
    if (!before?.known) return;
    const news = chains.filter((each) => each.status !== before.chains[each.chain]?.status).map(sentence);
    if (news.length) announce(news.join(". "));
  }

  drawTrouble({ token_errors, errors }) {
    keyed(this.querySelector(".token-errors"), token_errors, (each) => `${each.chain} ${each.token}`, () => stamp("token-error"), updateTokenError);
    const notices = errors.toReversed();
    keyed(this.querySelector(".notices"), notices, (each) => `${each.at} ${each.chain} ${each.error}`, () => stamp("notice"), updateNotice);
    this.querySelector(".trouble").hidden = !token_errors.length && !errors.length;
  }

  choice(kind, names) {
    const place = this.querySelector(`[data-choice=${kind}]`);
    const make = (name) => h("label", {}, h("input", { type: "checkbox", name: kind, value: name, checked: true }), h("span", {}, name));
    keyed(place, names, (name) => name, make, () => {});
    place.closest("fieldset").hidden = !names.length;
  }

  drawButtons() {
    const { state, totals } = store;
    const named = chainNames(state, totals).filter((name) => !this.left.chain.has(name));
    const chosen = named.map((name) => state.chains[name]).filter(Boolean);
    const unread = chosen.reduce((sum, each) => sum + each.unread, 0);
    const idle = state.known && !state.running;
    const { start, stop, retry, restart } = this.buttons;
    const focused = document.activeElement;
    start.textContent = chosen.some(isResumable) ? "Resume" : "Start";
    retry.textContent = `Retry ${count(unread)} unread`;
    start.hidden = !idle;
    stop.hidden = !state.running;
    retry.hidden = !idle || !unread;
    restart.hidden = !idle || !chosen.length;
    if (focused?.hidden && this.contains(focused)) this.querySelector("button:not([hidden])")?.focus();
    const left = [...this.left.chain, ...this.left.asset];
    put(this, { chosen: left.length ? `all but ${left.join(", ")}` : "all chains and assets" });
  }

  /** The chains and assets that are ticked; what is ticked entirely is left out, as the API then takes all. */
  chosen() {
    const body = {};
    for (const [key, kind] of [["chains", "chain"], ["assets", "asset"]]) {
      const boxes = [...this.querySelectorAll(`[data-choice=${kind}] input`)];
      const ticked = boxes.filter((each) => each.checked).map((each) => each.value);
      if (boxes.length && !ticked.length) throw new ApiError("bad_input", `Choose at least one ${kind}.`);
      if (ticked.length < boxes.length) body[key] = ticked;
    }
    return body;
  }

  async ask(path, bodyOf) {
    this.say("", false);
    for (const button of Object.values(this.buttons)) button.setAttribute("aria-busy", "true");
    try {
      const { scan_id } = await post(path, bodyOf());
      this.say(path === "scans" ? `Scan ${scan_id} has begun.` : `Scan ${scan_id} is stopping; what was read is kept.`, false);
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
  const label = `${count(chain.read)} of ${count(chain.readings)} read, ${count(chain.unread)} unread`;
  put(row, {
    chain: chain.chain,
    status: badge(chain.status),
    bar: bar([["done", chain.read], ["unread", chain.unread]], chain.readings || 1, label),
    read: count(chain.read),
    readings: count(chain.readings),
    unread: count(chain.unread),
    funded: count(chain.funded),
    rate: running ? perSecond(chain.rate) : "–",
    eta: !running ? "–" : chain.eta === null ? "unknown" : duration(chain.eta),
    seconds: duration(chain.seconds),
    requests: count(chain.requests),
    scan: `scan ${chain.scan_id}`,
    error: chain.error ?? "",
  });
  row.querySelector("[data-testid=chain-unread]").classList.toggle("some", chain.unread > 0);
}

function sentence(chain) {
  const unread = chain.unread ? `${count(chain.unread)} unread` : "nothing unread";
  return `${chain.chain} ${words(chain.status)}: ${count(chain.read)} of ${count(chain.readings)} read, ${unread}`;
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
