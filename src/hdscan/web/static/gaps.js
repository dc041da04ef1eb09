// What could not be read, with every provider's reason.

import { h, keyed, put, stamp } from "./dom.js";
import { count, many, words } from "./format.js";
import { paced } from "./pace.js";
import { Pages } from "./pages.js";
import { isResumable } from "./state.js";
import { on, store } from "./store.js";

const ROWS = 25;
const PACE = 3_000; // ms between refreshes while a scan runs

const UNASKED = ["Nothing was scanned yet.", "Readings that fail are listed here, with every provider's reason."];
const SO_FAR = ["Nothing is unread so far.", "The scan is still running; readings that no provider can make will be listed here."];
const EARLY = ["No reading failed so far.", "The scan ended early, and what it did not reach is not listed here. Resume reads it."];
const DISPUTED = ["Nothing is unread, but operators disagree.", "A disputed reading has no amount; its row under Addresses shows all answers. Retry asks again."];
const RELIEF = ["Nothing is unread.", "No reading of the last scan failed."];

class Gaps extends HTMLElement {
  connectedCallback() {
    this.list = this.querySelector("ul");
    this.pages = new Pages({
      path: "gaps",
      limit: ROWS,
      query: () => ({ wallet: store.wallet }),
      draw: (answer, first) => this.draw(answer, first),
      fail: (error) => this.say(error.message),
      previous: this.querySelector("[data-testid=gaps-previous]"),
      next: this.querySelector("[data-testid=gaps-next]"),
    });
    on(["progress"], paced(() => this.pages.refresh(), PACE));
    on(["wallet", "addresses"], () => this.pages.first());
    on(["state"], () => this.drawEmpty());
    this.pages.first();
  }

  draw({ items, next }, first) {
    keyed(this.list, items, gapKey, () => stamp("gap-row"), update);
    const alone = first === 1 && next === null;
    this.querySelector(".pager").hidden = alone && !items.length;
    this.querySelector(".empty").hidden = items.length > 0 || !alone;
    const last = first + items.length - 1;
    this.say(alone ? `${count(items.length)} unread` : items.length ? `${count(first)}–${count(last)}` : "No more.");
  }

  drawEmpty() {
    const { scan_id, running, chains } = store.state;
    const early = Object.values(chains).some(isResumable);
    const disputed = Object.values(chains).some((each) => each.disputed);
    const [lead, note] = scan_id === null ? UNASKED : running ? SO_FAR : early ? EARLY : disputed ? DISPUTED : RELIEF;
    const place = this.querySelector(".empty");
    place.classList.toggle("good", scan_id !== null && !early && !disputed);
    put(place, { lead, note });
  }

  say(text) {
    this.querySelector("[data-testid=gaps-message]").textContent = text;
  }
}

function gapKey({ chain, index, asset, wallet, branch }) {
  return [chain, index, asset, wallet, branch].join(" ");
}

function update(row, gap) {
  put(row, {
    where: gap.wallet === null ? `${gap.chain} ${gap.index}` : `${gap.chain} ${gap.wallet}`,
    address: gap.address,
    asset: gap.asset,
    code: words(gap.code),
    error: gap.error,
    attempts: gap.attempts ? many(gap.attempts, "try", "tries") : "",
    providers: Object.entries(gap.providers).flatMap(([name, reason]) => [h("dt", {}, name), h("dd", {}, reason)]),
  });
}

customElements.define("hd-gaps", Gaps);
