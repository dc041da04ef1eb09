// Holds the state; sections draw when it changes, at most once a frame.

import { EMPTY, reduce } from "./state.js";

/**
 * `state` is the reducer's; `wallets` and `totals` come from GET wallets and GET balances (null before the first); `wallet` is
 * the name of the one that is shown, "" for all; `link` is the state of the connection; `added` says what was added last.
 */
export const store = { state: EMPTY, wallets: null, wallet: "", totals: null, link: "connecting", added: "" };

const listeners = new Map();
const pending = new Set();

/** Call `listener` after any of `topics` changed: state, progress, wallets, wallet, added, totals, link, addresses. */
export function on(topics, listener) {
  for (const topic of topics) listeners.set(topic, [...(listeners.get(topic) ?? []), listener]);
}

/** Note that a topic changed; its listeners run before the next frame. */
export function changed(topic) {
  if (!pending.size) requestAnimationFrame(tell);
  pending.add(topic);
}

function tell() {
  const called = new Set([...pending].flatMap((topic) => listeners.get(topic) ?? []));
  pending.clear();
  for (const listener of called) listener();
}

/** Apply an event to the state. */
export function dispatch(eventName, data) {
  const next = reduce(store.state, eventName, data);
  if (next === store.state) return;
  store.state = next;
  changed("state");
  if (["scan_state", "scan_progress", "scan_complete"].includes(eventName)) changed("progress");
}

/** Set the wallets; all are shown where the one that was shown is gone. */
export function setWallets(wallets) {
  store.wallets = wallets;
  changed("wallets");
  if (!wallets.some((each) => each.name === store.wallet)) setWallet("");
}

/** Show one wallet, or all. */
export function setWallet(name) {
  if (store.wallet === name) return;
  store.wallet = name;
  changed("wallet");
}

/** Say what was added. */
export function setAdded(text) {
  store.added = text;
  changed("added");
}

/** Set the totals. */
export function setTotals(totals) {
  store.totals = totals;
  changed("totals");
}

/** Set the state of the connection: connecting, live, reconnecting or unauthorized. */
export function setLink(link) {
  if (store.link === link) return;
  store.link = link;
  changed("link");
}
