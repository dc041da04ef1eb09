// Providers: their states, counts and last errors.

import { get } from "./api.js";
import { h, keyed, put, stamp } from "./dom.js";
import { badge } from "./glyph.js";
import { clock, count, perSecond, words } from "./format.js";
import { dispatch, on, store } from "./store.js";

const FEW = 12; // idle providers that are always shown
const EVERY = 2_000; // ms between refreshes of the counts while a scan runs and the page is visible

class Providers extends HTMLElement {
  connectedCallback() {
    this.body = this.querySelector("tbody");
    this.more = this.querySelector('[data-testid="providers-more"]');
    this.more.addEventListener("click", () => {
      this.all = !this.all;
      this.draw();
    });
    on(["state"], () => this.draw());
    document.addEventListener("visibilitychange", () => this.watch());
  }

  draw() {
    const { providers, known } = store.state;
    const busy = providers.filter((each) => each.calls || !["unused", "disabled"].includes(each.state));
    const idle = providers.length - busy.length;
    const shown = this.all || idle <= FEW ? providers : busy;
    keyed(this.body, shown, (each) => each.name, make, update);
    this.querySelector(".scroll").hidden = !shown.length;
    this.more.hidden = idle <= FEW;
    this.more.textContent = this.all ? "Show only those that were asked" : `Show ${count(idle)} more: not asked yet, or off`;
    this.querySelector(".empty").hidden = !known || providers.length > 0;
    this.querySelector(".loading").hidden = known;
    this.watch();
  }

  /** Refresh the counts while a scan runs, and once more when it has ended. */
  watch() {
    const wanted = store.state.running && !document.hidden;
    if (wanted && !this.timer) this.timer = setInterval(refresh, EVERY);
    if (wanted || !this.timer) return;
    clearInterval(this.timer);
    this.timer = null;
    refresh();
  }
}

async function refresh() {
  const answer = await get("providers").catch(() => null); // the next refresh or event will bring it
  if (answer) dispatch("providers", answer);
}

function make(provider) {
  const row = stamp("provider-row");
  row.dataset.provider = provider.name;
  return row;
}

function update(row, provider) {
  const until = provider.paused_until && Date.parse(provider.paused_until) > Date.now() ? provider.paused_until : null;
  put(row, {
    name: provider.name,
    chain: `${provider.chain} · ${provider.protocol}`,
    state: badge(provider.state),
    until: until ? ["until ", h("time", { datetime: until }, clock(until, { day: false }))] : "",
    breaker: Object.entries(provider.breaker).map(([method, state]) => badge(state, `${method} ${words(state)}`)),
    rate: perSecond(provider.rate),
    calls: count(provider.calls),
    ok: count(provider.ok),
    failed: count(provider.failed),
    throttled: count(provider.throttled),
    amounts: count(provider.amounts),
    error: provider.last_error ?? "",
  });
  for (const name of ["failed", "throttled"]) {
    row.querySelector(`[data-f=${name}]`).classList.toggle("some", provider[name] > 0);
  }
}

customElements.define("hd-providers", Providers);
