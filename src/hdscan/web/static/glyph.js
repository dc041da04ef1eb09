// A state as shape and word; colour only repeats them.

import { h, svg } from "./dom.js";
import { words } from "./format.js";

const RING = "M8 1.8a6.2 6.2 0 1 0 0 12.4A6.2 6.2 0 0 0 8 1.8z";
const TRIANGLE = "M8 1.8 15 14H1z";
const CHECK = "M5 8.2l2.1 2.1L11.2 6";
const SHAPES = {
  check: { stroke: `${RING}${CHECK}` },
  arc: { stroke: "M8 1.8a6.2 6.2 0 1 1-6.2 6.2" },
  square: { fill: "M3 3h10v10H3z" },
  cross: { stroke: "M3 3l10 10M13 3L3 13" },
  bars: { fill: "M4 2.5h2.8v11H4zM9.2 2.5H12v11H9.2z" },
  half: { stroke: RING, fill: "M8 1.8a6.2 6.2 0 0 0 0 12.4z" },
  clock: { stroke: `${RING}M8 4.6V8l2.4 1.8` },
  warning: { stroke: `${TRIANGLE}M8 6.2v3.6M8 11.6v.6` },
  slash: { stroke: `${RING}M3.6 12.4l8.8-8.8` },
  hollow: { stroke: RING },
  dashed: { stroke: RING, dash: "2.6 2.27" },
  dot: { fill: RING },
  apart: { stroke: "M6.2 3 1.6 8l4.6 5M9.8 3l4.6 5-4.6 5" },
};

// state: [shape, tone]
const STATES = {
  running: ["arc", "live"],
  auditing: ["arc", "live"],
  completed: ["check", "good"],
  completed_with_gaps: ["warning", "warn"],
  stopped: ["square", "calm"],
  failed: ["cross", "bad"],
  ready: ["check", "good"],
  paused: ["bars", "warn"],
  open: ["cross", "bad"],
  half_open: ["half", "warn"],
  closed: ["check", "good"],
  quarantined: ["warning", "bad"],
  disabled: ["slash", "calm"],
  unused: ["hollow", "calm"],
  read: ["check", "good"],
  confirmed: ["check", "good"],
  alone: ["hollow", "calm"],
  stale: ["clock", "warn"],
  unread: ["dashed", "warn"],
  disputed: ["apart", "bad"],
  live: ["dot", "good"],
  connecting: ["arc", "calm"],
  reconnecting: ["arc", "warn"],
  unauthorized: ["slash", "bad"],
};

/** The shape of a state; unknown states are a hollow ring. */
export function glyph(state) {
  const [shape, tone] = STATES[state] ?? ["hollow", "calm"];
  const { stroke, fill, dash } = SHAPES[shape];
  const drawn = svg("svg", { class: `glyph ${tone} ${shape}`, viewBox: "0 0 16 16", "aria-hidden": "true" });
  if (fill) drawn.append(svg("path", { d: fill, class: "surface" }));
  if (stroke) drawn.append(svg("path", { d: stroke, class: "line", "stroke-dasharray": dash ?? null }));
  return drawn;
}

/** A state as its shape and its word, or another text. */
export function badge(state, text = words(state)) {
  return h("span", { class: "badge" }, glyph(state), h("span", {}, text));
}
