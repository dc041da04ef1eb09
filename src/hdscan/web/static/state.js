// What the page knows of the scan, as a pure function of its events (docs/api.md): no DOM, clock or network here.

const NOTICES = 20; // as many as the server keeps

/** What is known before the first event. */
export const EMPTY = Object.freeze({
  known: false,
  scan_id: null,
  running: false,
  chains: {},
  token_errors: [],
  errors: [],
  providers: [],
});

/** The state after an event; `data` is the event's own, and an event that says nothing new gives the same state. */
export function reduce(state, eventName, data) {
  switch (eventName) {
    case "scan_state":
      return { ...EMPTY, ...data, known: true };
    case "scan_progress":
    case "scan_complete":
      return withChains(state, { ...state.chains, [data.chain]: data });
    case "scan_token_error":
      return { ...state, token_errors: withTokenError(state.token_errors, data) };
    case "scan_error":
      return { ...state, errors: [...state.errors, data].slice(-NOTICES) };
    case "provider_state":
      return { ...state, providers: withProvider(state.providers, data) };
    case "providers": // the answer of GET /api/v1/providers
      return { ...state, providers: data.items };
    default:
      return state;
  }
}

function withChains(state, chains) {
  const all = Object.values(chains);
  const scan_id = all.reduce((highest, chain) => Math.max(highest, chain.scan_id), 0);
  return { ...state, chains, scan_id, running: all.some((chain) => chain.status === "running") };
}

function withTokenError(errors, data) {
  const isIt = (each) => each.chain === data.chain && each.token === data.token;
  if (!data.addresses) return errors.filter((each) => !isIt(each));
  return errors.some(isIt) ? errors.map((each) => (isIt(each) ? data : each)) : [...errors, data];
}

function withProvider(providers, data) {
  const known = providers.some((each) => each.name === data.name);
  return known ? providers.map((each) => (each.name === data.name ? data : each)) : [...providers, data];
}

/** Whether the next scan of a chain goes on with what it has, rather than begin anew. */
export function isResumable(chain) {
  return chain?.status === "stopped" || chain?.status === "failed";
}

/** The chains' names in order: of the scan, of the totals and of the providers, as one may be named in one of them only. */
export function chainNames(state, totals) {
  const named = [...(totals ?? []), ...state.providers].map((each) => each.chain);
  return [...new Set([...named, ...Object.keys(state.chains)])];
}
