// Adds wallets in two steps: what the server takes a source for, with the first addresses to compare, and only then storing it.

import { post } from "./api.js";
import { h, keyed, put, stamp } from "./dom.js";
import { count, many } from "./format.js";
import { chainNames } from "./state.js";
import { changed, on, setAdded, store } from "./store.js";
import { branchWords, dormantWords } from "./wallets.js";

const SHOWN = 100; // bad lines; the others are only counted
const ALL_ARE = "Compare each first address with the one that your wallet shows. If one differs, go back: it would be the wrong wallet.";
const ONE_IS = "Compare the first addresses with what your wallet shows: it has those of at least one kind. If it has none of them, go back: it would be the wrong wallet.";
const BIGGEST = 6_000_000; // bytes of a file, which grow by a third on their way

class Add extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.give = this.querySelector(".give");
    this.check = this.querySelector(".check");
    this.chains = this.querySelector("[data-testid=add-chains]");
    this.give.addEventListener("submit", (event) => this.submit(event, () => this.look()));
    this.check.addEventListener("submit", (event) => this.submit(event, () => this.store()));
    this.check.addEventListener("change", ({ target }) => {
      if (target.name === "script" || target.name === "chain") this.submit(null, () => this.look());
    });
    this.querySelector("[data-testid=add-back]").addEventListener("click", () => this.step(this.give));
    for (const button of this.querySelectorAll("[data-close]")) button.addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.forget());
    on(["state", "totals"], () => this.drawChains());
  }

  open() {
    this.forget();
    this.dialog.showModal();
  }

  /** What was pasted does not stay in the page. */
  forget() {
    this.source = null;
    this.give.reset();
    this.check.reset();
    for (const box of this.chains.querySelectorAll("input")) box.checked = false;
    this.step(this.give);
  }

  step(form) {
    this.give.hidden = form !== this.give;
    this.check.hidden = form !== this.check;
    for (const place of this.querySelectorAll("[role=alert]")) place.textContent = "";
    (form === this.give ? form.elements.text : form.querySelector("h2")).focus();
  }

  async submit(event, work) {
    event?.preventDefault();
    if (this.dialog.hasAttribute("aria-busy")) return; // its buttons keep their focus
    const place = (this.check.hidden ? this.give : this.check).querySelector("[role=alert]");
    this.dialog.setAttribute("aria-busy", "true");
    place.textContent = "";
    try {
      await work();
    } catch (error) {
      place.textContent = error.message;
    } finally {
      this.dialog.removeAttribute("aria-busy");
    }
  }

  /** Ask what the source is. */
  async look() {
    const first = this.check.hidden;
    if (first) this.source = await this.given();
    const { wallets } = await post("recognise", this.body());
    this.draw(wallets, first);
    if (first) this.step(this.check);
  }

  async given() {
    const { text, file } = this.give.elements;
    const [chosen] = file.files;
    if (text.value.trim() && chosen) throw new Error("Choose one: the text or the file.");
    if (text.value.trim()) return { text: text.value };
    if (!chosen) throw new Error("Paste something, or choose a file.");
    if (chosen.size > BIGGEST) throw new Error("This file is larger than 6 MB: add it in a terminal with hdscan add.");
    return { file: await base64(chosen), stem: chosen.name.replace(/\.[^.]*$/, "") };
  }

  body() {
    const { text, file } = this.source;
    const { script, forget } = this.check.elements;
    const chains = [...this.chains.querySelectorAll(":checked")].map((each) => each.value);
    return { text, file, chains, script: script.value || null, forget_key: forget.checked };
  }

  draw(wallets, first) {
    const { name, forget } = this.check.elements;
    const bad = wallets.flatMap((each) => each.bad);
    keyed(this.check.querySelector(".found"), wallets, (each) => wallets.indexOf(each), () => stamp("found"), updateFound);
    const chains = [...new Set(wallets.flatMap((each) => each.chains))];
    const derived = wallets.some((each) => each.branches.length);
    const sure = wallets.every((each) => new Set(each.branches.map(({ style }) => style)).size < 2);
    if (first) name.value = wallets[0].name ?? this.source.stem ?? "";
    name.closest("label").hidden = wallets.length > 1;
    this.check.elements.script.closest("label").hidden = !wallets.some((each) => each.kind === "key");
    forget.closest("label").hidden = !derived;
    put(this.check, {
      chains: chains.join(", "),
      compare: derived ? (sure ? ALL_ARE : ONE_IS) : "",
    });
    const store_ = this.querySelector("[data-testid=add-store]");
    store_.textContent = bad.length ? "Add only the valid ones" : wallets.length > 1 ? `Add ${wallets.length} wallets` : "Add";
    store_.hidden = !wallets.some((each) => each.addresses);
    this.skip = bad.length > 0;
    const lines = bad.slice(0, SHOWN).map(({ number, reason }) => h("li", {}, h("b", {}, `Line ${number}`), ` ${reason}`));
    const left = wallets.reduce((sum, each) => sum + each.bad_lines, 0) - lines.length;
    if (left > 0) lines.push(h("li", {}, `and ${count(left)} more`));
    const place = this.querySelector("[data-testid=add-bad]");
    place.hidden = !bad.length;
    place.replaceChildren(h("p", { class: "error" }, `${many(left + bad.slice(0, SHOWN).length, "line", "lines")} cannot be used:`), h("ul", {}, ...lines));
  }

  async store() {
    const { name } = this.check.elements;
    const named = name.closest("label").hidden ? {} : { name: name.value.trim() || null };
    const { wallets } = await post("wallets", { ...this.body(), ...named, skip_invalid: this.skip });
    this.dialog.close();
    setAdded(`${wallets.map(addedWords).join("; ")}. Start a scan to read what is new.`);
    changed("addresses");
  }

  drawChains() {
    const make = (name) => h("label", {}, h("input", { type: "checkbox", name: "chain", value: name }), h("span", {}, name));
    keyed(this.chains, chainNames(store.state, store.totals), (name) => name, make, () => {});
  }
}

function updateFound(item, { what, name, branches, addresses, chains, said }) {
  const active = branches.filter((each) => !each.dormant);
  const firsts = new Map();
  for (const branch of active) {
    const key = `${branchWords(branch)} ${branch.first}`;
    firsts.set(key, { ...branch, chains: [...(firsts.get(key)?.chains ?? []), branch.chain] });
  }
  const dormant = branches.length - active.length;
  const size = active.length ? "" : `: ${many(addresses, "address", "addresses")} on ${chains.join(", ")}`;
  put(item, {
    what: sentence(what) + (name ? `, “${name}”` : ""),
    size,
    dormant: dormant ? dormantWords(dormant) : "",
    said: said.map((each) => h("li", {}, each)),
  });
  item.querySelector(".firsts").replaceChildren(...[...firsts.values()].flatMap(firstOf));
}

function firstOf(branch) {
  const { first, path, chains } = branch;
  const words = [branchWords(branch), path?.replace("{}", "0"), chains.join(", ")].filter(Boolean).join(" · ");
  return [h("dt", {}, words), h("dd", {}, h("code", {}, first))];
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function addedWords({ name, added, known }) {
  return `${name} was added: ${many(added, "address", "addresses")}${known ? `, ${count(known)} known before` : ""}`;
}

/** A file's bytes in base64. */
function base64(file) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.addEventListener("load", () => resolve(reader.result.slice(reader.result.indexOf(",") + 1)));
    reader.addEventListener("error", () => reject(new Error("The file cannot be read.")));
    reader.readAsDataURL(file);
  });
}

customElements.define("hd-add", Add);
