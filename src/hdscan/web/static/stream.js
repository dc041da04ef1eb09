// The one EventSource: feeds the reducer and tracks the connection.

import { get, url } from "./api.js";
import { dispatch, setLink, store } from "./store.js";

const EVENTS = ["scan_state", "scan_progress", "scan_token_error", "scan_error", "scan_complete", "provider_state"];
const SILENCE = 45_000; // ms without even a ping (sent every 15 s): the connection is dead even if the browser has not noticed
const AGAIN = 3_000; // ms before reopening a stream that the browser gave up

let source = null;
let lastId = null;
let silence = 0;
let retry = 0;

/** Open or reopen the stream. */
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
  if (source.readyState !== EventSource.CLOSED) return; // the browser retries by itself
  clearTimeout(silence);
  clearTimeout(retry);
  await get("status").catch(() => null); // sets "unauthorized" if that is the cause
  if (store.link !== "unauthorized") retry = setTimeout(connect, AGAIN);
}

// reconnect after a sign-in in another tab
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && store.link === "unauthorized") connect();
});
