// The page's state as a pure function of the events (docs/api.md): no DOM, clock or network here.

const NOTICES = 20; // as many as the server keeps

/** The state before the first event. */
export const EMPTY = Object.freeze({
  known: false,
  scan_id: null,
  running: false,
  chains: {},
  token_errors: [],
  errors: [],
  providers: [],
});

/** The state after an event with this `data`; unknown events leave it as it is. */
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
    case "providers": // the response of GET /api/v1/providers
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

/** Whether the next scan of a chain resumes this one. */
export function isResumable(chain) {
  return chain?.status === "stopped" || chain?.status === "failed";
}

/** Whether a chain has read everything, so that only other operators are asked. */
export function isAuditing(chain) {
  return chain.status === "running" && chain.readings > 0 && chain.read === chain.readings;
}

/** The names of all chains, in order, from totals, providers and scans, as some appear in only one of them. */
export function chainNames(state, totals) {
  const named = [...(totals ?? []), ...state.providers].map((each) => each.chain);
  return [...new Set([...named, ...Object.keys(state.chains)])];
}
