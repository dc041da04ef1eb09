// Wallets: a card for each, the choice of the one that everything else on the page is about, and their names.

import { get, send, walletPath } from "./api.js";
import { ask } from "./ask.js";
import { announce, h, keyed, options, put, stamp } from "./dom.js";
import { addressesOf, clock, coins, count, many } from "./format.js";
import { badge } from "./glyph.js";
import { paced } from "./pace.js";
import { amount } from "./picture.js";
import { changed, on, setWallet, setWallets, store } from "./store.js";

const PACE = 3_000; // ms between refreshes while a scan runs
const SHOWN = 6; // amounts of a card

const KINDS = { addresses: "Addresses", key: "Extended public key", descriptor: "Descriptor", multisig: "Multisig", seed: "From a mnemonic" };

class Wallets extends HTMLElement {
  connectedCallback() {
    this.list = this.querySelector(".wallets");
    this.which = document.querySelector("[data-testid=filter-wallet]");
    this.refresh = paced(() => this.load(), PACE);
    this.list.addEventListener("click", ({ target }) => this.act(target.closest("[data-do]")));
    this.which.addEventListener("change", () => setWallet(this.which.value));
    for (const button of this.querySelectorAll("button.main")) {
      button.addEventListener("click", () => document.querySelector("hd-add").open());
    }
    on(["progress", "addresses"], this.refresh);
    on(["wallets", "wallet"], () => this.draw());
    on(["added"], () => this.say(store.added));
    this.refresh();
  }

  async load() {
    const answer = await get("wallets").catch(() => null); // the header shows a lost connection
    if (answer) setWallets(answer.items);
  }

  draw() {
    const { wallets, wallet } = store;
    if (!wallets) return;
    keyed(this.list, wallets, (each) => each.name, () => stamp("wallet-card"), update);
    options(this.which, wallets.map((each) => each.name), "All wallets");
    this.which.value = wallet;
    this.which.closest("label").hidden = wallets.length < 2 && !wallet;
    this.querySelector(".loading").hidden = true;
    this.querySelector(".empty").hidden = wallets.length > 0;
    this.querySelector("[data-testid=add]").hidden = !wallets.length;
    for (const place of document.querySelectorAll("[data-of]")) place.textContent = wallet && `of ${wallet}`;
  }

  act(button) {
    if (!button) return;
    const name = button.closest("li").dataset.wallet;
    if (button.dataset.do === "only") {
      setWallet(store.wallet === name ? "" : name);
      announce(store.wallet ? `Only ${name} is shown` : "All wallets are shown");
    } else if (button.dataset.do === "rename") this.rename(name);
    else this.remove(name);
  }

  rename(name) {
    const work = async (value) => {
      await send("PATCH", walletPath(name), { name: value });
      if (store.wallet === name) store.wallet = value;
      await this.reload(`${name} is now called ${value}.`);
    };
    ask({ title: `Rename ${name}`, label: "Name", value: name, action: "Rename", work });
  }

  remove(name) {
    const work = async () => {
      await send("DELETE", walletPath(name));
      await this.reload(`${name} was removed.`);
    };
    const text = "Its key and its addresses leave every list, total and scan, but for addresses that another wallet has, too. To get it back, add it again.";
    ask({ title: `Remove ${name}?`, text, action: "Remove", work });
  }

  async reload(text) {
    await this.load();
    changed("addresses");
    this.say(text);
  }

  say(text) {
    this.querySelector("[data-testid=wallets-message]").textContent = text;
  }
}

function update(card, wallet) {
  const { name, kind, chains, totals, branches } = wallet;
  const active = branches.filter((each) => each.first !== null);
  const open = active.filter((each) => !each.ended);
  const dormant = branches.length - active.length;
  const begun = totals.some((each) => each.read);
  card.dataset.wallet = name;
  put(card, {
    name,
    kind: `${KINDS[kind] ?? kind} on ${chains.join(", ")}`,
    totals: totalsOf(wallet),
    addresses: count(wallet.addresses),
    used: count(wallet.used),
    funded: count(wallet.funded),
    unread: count(wallet.unread),
    ends: begun && open.length ? badge("unread", `${many(open.length, "branch", "branches")} whose end is not known`) : "",
    branches: active.length ? many(active.length, "branch", "branches") : "",
    dormant: dormant ? dormantWords(dormant) : "",
    scanned: wallet.last_scan ? ["read ", h("time", { datetime: wallet.last_scan }, clock(wallet.last_scan, { day: false }))] : begun ? "not all read yet" : "never read",
  });
  card.querySelector("details").hidden = !branches.length;
  card.querySelector("[data-f=unread]").classList.toggle("some", wallet.unread > 0);
  keyed(card.querySelector(".branches"), active, branchKey, () => stamp("branch"), updateBranch);
  const chosen = store.wallet === name;
  card.classList.toggle("chosen", chosen);
  const only = card.querySelector("[data-do=only]");
  only.hidden = store.wallets.length < 2;
  only.setAttribute("aria-pressed", String(chosen));
  only.setAttribute("aria-label", `Show only ${name}`);
  card.querySelector("[data-do=rename]").setAttribute("aria-label", `Rename ${name}`);
  card.querySelector("[data-do=remove]").setAttribute("aria-label", `Remove ${name}`);
}

/** What a wallet holds, a line per asset and chain; what it holds nothing of is left out. */
function totalsOf({ totals, chains, unread }) {
  const held = totals.filter((each) => each.amount !== null && each.amount !== "0");
  const lines = held.slice(0, SHOWN).map((each) => {
    const partial = addressesOf(each) > each.read;
    const on_ = chains.length > 1 ? [" ", h("small", {}, each.chain)] : [];
    return h("li", {}, h("b", {}, amount((partial ? "≥ " : "") + coins(each.amount, each.decimals))), ` ${each.asset}`, ...on_);
  });
  if (held.length > SHOWN) lines.push(h("li", { class: "dim" }, `and ${count(held.length - SHOWN)} more`));
  if (held.length) return lines;
  const nothing = totals.some((each) => each.read) ? (unread ? "Nothing found so far" : "Holds nothing") : "Not read yet";
  return h("li", { class: "dim" }, nothing);
}

/** What a branch is, as people say it: "btc receiving, bip84"; accounts count from 0. */
export function branchWords({ role, style, account }) {
  return [role === "change" ? "Change" : "Receiving", style, account ? `account ${account}` : ""].filter(Boolean).join(", ");
}

/** Accounts that are looked at later. */
export function dormantWords(branches) {
  return `${many(branches, "more branch", "more branches")} of further accounts, looked at once the account before is used`;
}

function branchKey({ chain, style, account, role, first }) {
  return [chain, style, account, role, first].join(" ");
}

function updateBranch(item, branch) {
  const { chain, addresses, used_to, ended, unknown, kept, gap } = branch;
  const used = used_to === null ? "none used yet" : `last used: ${count(used_to)}`;
  put(item, {
    which: `${branchWords(branch)} on ${chain}`,
    first: branch.first,
    end: ended ? badge("read", "read to its end") : badge("unread", unknown ? `end not known: ${count(unknown)} unread` : "end not known"),
    known: `${many(addresses, "address", "addresses")}, ${used}; ${kept ? `ends after ${gap} unused` : "no more can be derived"}`,
  });
}

customElements.define("hd-wallets", Wallets);
