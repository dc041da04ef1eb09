// Requests to the API of the server that sent this page.

import { setLink } from "./store.js";

const ROOT = "/api/v1/";

/** An answer that is an error; `code` and `detail` are the API's, `code` is "unreachable" where there was no answer. */
export class ApiError extends Error {
  constructor(code, message, detail = null) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

/** The address of a resource; parameters that are empty, false or null are left out. */
export function url(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== "" && value !== false);
  const query = new URLSearchParams(given).toString();
  return ROOT + path + (query ? `?${query}` : "");
}

/** What GET answers; ApiError where it is an error. */
export function get(path, parameters) {
  return ask(url(path, parameters), {});
}

/** What POST with a JSON body answers; ApiError where it is an error. */
export function post(path, body) {
  return ask(url(path), { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

async function ask(address, options) {
  let response;
  let body = null;
  try {
    response = await fetch(address, { credentials: "same-origin", cache: "no-store", ...options });
    body = await response.json();
  } catch {
    if (!response) throw new ApiError("unreachable", "The server cannot be reached. Is hdscan serve still running?");
  }
  if (response.status === 401) setLink("unauthorized");
  if (response.ok && body !== null) return body;
  const { code = "internal", message = `The server answered ${response.status}.`, detail = null } = body?.error ?? {};
  throw new ApiError(code, message, detail);
}
