// The page: its sections and the state of its connection.

import "./wallets.js";
import "./holdings.js";
import "./scan.js";
import "./providers.js";
import "./balances.js";
import "./gaps.js";
import "./add.js";
import { announce } from "./dom.js";
import { clock } from "./format.js";
import { badge } from "./glyph.js";
import { on, store } from "./store.js";
import { connect } from "./stream.js";

const LINKS = { connecting: "connecting", live: "live", reconnecting: "reconnecting", unauthorized: "signed out" };

const connection = document.querySelector("[data-testid=connection]");
const banner = document.querySelector("[data-testid=banner]");

on(["link"], () => {
  const { link } = store;
  connection.replaceChildren(badge(link, LINKS[link]));
  connection.dataset.link = link;
  if (link === "live" && !banner.hidden) announce("Connected again");
  banner.hidden = link === "live" || link === "connecting";
  const since = clock(new Date().toISOString(), { day: false });
  banner.querySelector("[data-for=reconnecting] time").textContent = since;
  for (const each of banner.querySelectorAll("[data-for]")) each.hidden = each.dataset.for !== link;
});

banner.querySelector("button").addEventListener("click", connect);
connect();
