// Add addresses: sends pasted lines to the server and lists those that it rejects by line number.

import { post } from "./api.js";
import { h, options } from "./dom.js";
import { count, many } from "./format.js";
import { chainNames } from "./state.js";
import { changed, on, store } from "./store.js";

const SHOWN = 100; // bad lines; the others are only counted

class Adder extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("form");
    this.result = this.querySelector("[data-testid=add-result]");
    this.skip = this.querySelector("[data-testid=add-skip]");
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.send(event.submitter === this.skip);
    });
    this.form.elements.addresses.addEventListener("input", () => (this.skip.hidden = true));
    on(["state", "totals"], () => options(this.form.elements.chain, chainNames(store.state, store.totals)));
  }

  async send(skip_invalid) {
    const { chain, addresses } = this.form.elements;
    const lines = addresses.value.trimEnd().split(/\r?\n/);
    if (!lines.some((line) => line.trim())) return this.show("Paste at least one address.", true);
    if (!chain.value) return this.show("The chains are not known yet; wait for the connection.", true);
    const submit = this.querySelector("[data-testid=add-submit]");
    submit.disabled = true;
    try {
      const { added, known, bad } = await post("addresses", { chain: chain.value, addresses: lines, skip_invalid });
      const also = known ? `, ${count(known)} already known` : "";
      this.show(`${many(added, "address", "addresses")} added to ${chain.value}${also}.`, false, bad);
      if (!bad.length) addresses.value = "";
      changed("addresses");
    } catch (error) {
      const bad = error.detail?.bad ?? [];
      const refused = `${many(bad.length, "line", "lines")} cannot be used, so nothing was added.`;
      this.show(bad.length ? refused : error.message, true, bad);
      this.skip.hidden = !bad.length || bad.length >= lines.length;
    } finally {
      submit.disabled = false;
    }
    return undefined;
  }

  show(text, isError, bad = []) {
    this.skip.hidden = true;
    const line = ({ number, reason }) => h("li", {}, h("b", {}, `Line ${number}`), ` ${reason}`);
    const items = bad.slice(0, SHOWN).map(line);
    if (bad.length > SHOWN) items.push(h("li", {}, `and ${count(bad.length - SHOWN)} more`));
    this.result.replaceChildren(h("p", { class: isError ? "error" : "" }, text), h("ul", {}, ...items));
  }
}

customElements.define("hd-adder", Adder);
