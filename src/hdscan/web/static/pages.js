// Pages through a list of any length, holding one page; each response's `next` is the cursor for the one after.

import { get } from "./api.js";

/**
 * The pages of a resource: `query()` gives its parameters, `draw(answer, first)` shows a page that begins with row `first`,
 * `fail(error)` shows an error; `previous` and `next` are the buttons.
 */
export class Pages {
  constructor({ path, limit, query, draw, fail, previous, next }) {
    Object.assign(this, { path, limit, query, draw, fail, previous, next });
    this.cursors = [null]; // of the pages up to this one
    this.after = null;
    this.asked = 0;
    previous.addEventListener("click", () => this.turn(-1));
    next.addEventListener("click", () => this.turn(1));
  }

  /** Load the first page. */
  first() {
    this.cursors = [null];
    return this.refresh();
  }

  /** Turn forward or back by a page. */
  turn(step) {
    if (step > 0 && this.after !== null) this.cursors.push(this.after);
    else if (step < 0 && this.cursors.length > 1) this.cursors.pop();
    else return null;
    return this.refresh();
  }

  /** Load this page again; a late response to an earlier request is dropped. */
  async refresh() {
    const asked = ++this.asked;
    try {
      const answer = await get(this.path, { ...this.query(), limit: this.limit, cursor: this.cursors.at(-1) });
      if (asked !== this.asked) return;
      this.after = answer.next;
      this.draw(answer, (this.cursors.length - 1) * this.limit + 1);
    } catch (error) {
      if (asked === this.asked) this.fail(error);
    }
    const focused = document.activeElement;
    this.previous.disabled = this.cursors.length === 1;
    this.next.disabled = this.after === null;
    if (focused === this.next && this.next.disabled) this.previous.focus();
    if (focused === this.previous && this.previous.disabled) this.next.focus();
  }
}
