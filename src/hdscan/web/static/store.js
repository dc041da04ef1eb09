// Holds the state; sections draw when it changes, at most once a frame.

import { EMPTY, reduce } from "./state.js";

/** `state` is the reducer's, `totals` come from GET balances (null before the first), `link` is the state of the connection. */
export const store = { state: EMPTY, totals: null, link: "connecting" };

const listeners = new Map();
const pending = new Set();

/** Call `listener` after any of `topics` changed: state, progress, totals, link, addresses. */
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
