// The one EventSource: feeds the reducer, and says how the connection stands.

import { get, url } from "./api.js";
import { dispatch, setLink, store } from "./store.js";

const EVENTS = ["scan_state", "scan_progress", "scan_token_error", "scan_error", "scan_complete", "provider_state"];
const SILENCE = 45_000; // ms without even a ping (they come every 15 s): the connection is dead, whatever the browser thinks
const AGAIN = 3_000; // ms before a stream that the browser gave up is opened anew

let source = null;
let lastId = null;
let silence = 0;
let retry = 0;

/** Open the stream, or open it anew. */
export function connect() {
  clearTimeout(retry);
  source?.close();
  source = new EventSource(url("events", { last_event_id: lastId }));
  for (const name of EVENTS) source.addEventListener(name, take);
  source.addEventListener("ping", heard);
  source.addEventListener("open", heard);
  source.addEventListener("bye", lost);
  source.addEventListener("error", lost);
  heard();
}

function take(event) {
  lastId = event.lastEventId || lastId;
  dispatch(event.type, JSON.parse(event.data));
  setLink("live");
  heard();
}

function heard() {
  clearTimeout(silence);
  silence = setTimeout(connect, SILENCE);
}

async function lost() {
  if (store.link !== "unauthorized") setLink("reconnecting");
  if (source.readyState !== EventSource.CLOSED) return; // the browser tries again by itself
  clearTimeout(silence);
  clearTimeout(retry);
  await get("status").catch(() => null); // says "unauthorized" where that is why
  if (store.link !== "unauthorized") retry = setTimeout(connect, AGAIN);
}

// whoever signed in again in another tab comes back to a page that works
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && store.link === "unauthorized") connect();
});
