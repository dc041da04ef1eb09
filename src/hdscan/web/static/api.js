// Requests to the API of the server that sent this page.

import { setLink } from "./store.js";

const ROOT = "/api/v1/";

/** An error of the API with its `code` and `detail`; `code` is "unreachable" where there was no response. */
export class ApiError extends Error {
  constructor(code, message, detail = null) {
    super(message);
    this.code = code;
    this.detail = detail;
  }
}

/** The URL of a resource; parameters that are empty, false or null are left out, those of a list are repeated. */
export function url(path, parameters = {}) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null && value !== "" && value !== false);
  const pairs = given.flatMap(([key, value]) => [value].flat().map((each) => [key, each]));
  const query = new URLSearchParams(pairs).toString();
  return ROOT + path + (query ? `?${query}` : "");
}

/** GET a resource; throws ApiError. */
export function get(path, parameters) {
  return ask(url(path, parameters), {});
}

/** POST a JSON body; throws ApiError. */
export function post(path, body) {
  return send("POST", path, body);
}

/** Send a JSON body by another method; throws ApiError. */
export function send(method, path, body = {}) {
  return ask(url(path), { method, headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

/** The resource of a wallet. */
export function walletPath(name) {
  return `wallets/${encodeURIComponent(name)}`;
}

async function ask(address, options) {
  let response;
  let body = null;
  try {
    response = await fetch(address, { credentials: "same-origin", cache: "no-store", ...options });
    body = response.status === 204 ? {} : await response.json();
  } catch {
    if (!response) throw new ApiError("unreachable", "The server cannot be reached. Is hdscan serve still running?");
  }
  if (response.status === 401) setLink("unauthorized");
  if (response.ok && body !== null) return body;
  const { code = "internal", message = `The server returned status ${response.status}.`, detail = null } = body?.error ?? {};
  throw new ApiError(code, message, detail);
}
