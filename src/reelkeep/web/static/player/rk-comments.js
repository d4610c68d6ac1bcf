/** The comments of a version, each on its frame or range; click one to go there. */

import { LitElement, html, nothing, repeat } from "../lit.js";
import { PLAIN, stretchText } from "../counting.js";
import { icons } from "../icons.js";
import { dateText } from "../measures.js";
import { shared } from "../styles.js";
import { commentStyles } from "./comment-styles.js";
import { WHOLE } from "./range.js";

/** @typedef {import("../api.js").Comment} Comment */

export class RkComments extends LitElement {
  static properties = {
    comments: {},
    filter: {},
    frame: { type: Number },
    range: {},
    counting: {},
    userId: {},
    mayComment: { type: Boolean },
    mayDeleteAll: { type: Boolean },
    problem: {},
    sending: { state: true },
    editing: { state: true },
  };

  static styles = [shared, commentStyles];

  constructor() {
    super();
    /** All of the version's, by frame. @type {Comment[]} */
    this.comments = [];
    /** @type {import("./commenting.js").Filter} */
    this.filter = "all";
    this.frame = 0;
    /** @type {import("./range.js").Range} */
    this.range = WHOLE;
    /** @type {import("../counting.js").Counting} */
    this.counting = PLAIN;
    this.userId = "";
    this.mayComment = true;
    this.mayDeleteAll = false;
    this.problem = "";
    /** The text that is on its way. */
    this.sending = "";
    /** The id of the comment whose text is being changed. */
    this.editing = "";
    /** The place in the list that has the focus while it is drawn anew, or -1. */
    this.focused = -1;
  }

  get #rows() {
    return /** @type {HTMLElement[]} */ ([...this.renderRoot.querySelectorAll("li")]);
  }

  willUpdate() {
    const { activeElement } = /** @type {ShadowRoot} */ (this.renderRoot);
    this.focused = this.#rows.findIndex((row) => row.contains(activeElement));
  }

  /** A comment that leaves the list hands the focus to the one that takes its place, else it would fall to the page. */
  updated() {
    const { activeElement } = /** @type {ShadowRoot} */ (this.renderRoot);
    if (this.focused < 0 || activeElement || this.editing) return;
    const next = this.#rows.at(Math.min(this.focused, this.#rows.length - 1));
    /** @type {HTMLElement | null} */ ((next ?? this.renderRoot).querySelector(next ? ".go" : ".filter button[aria-pressed=true]"))?.focus();
  }

  get #field() {
    return /** @type {HTMLTextAreaElement | null} */ (this.renderRoot.querySelector("form.new textarea"));
  }

  /** Put the cursor into the comment field. */
  write() {
    this.#field?.focus();
  }

  /** Put a comment that could not be stored back into the field, before what was written since. @param {boolean} stored */
  sent(stored) {
    const { sending } = this;
    this.sending = "";
    if (!stored && this.#field) this.#field.value = [sending, this.#field.value].filter(Boolean).join("\n");
  }

  /** Close the field of a comment whose text was changed. */
  edited() {
    const { editing } = this;
    this.editing = "";
    this.updateComplete.then(() => /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(`li[data-id="${editing}"] .edit`))?.focus());
  }

  /**
   * @param {string} what
   * @param {unknown} [detail]
   */
  #tell(what, detail) {
    this.dispatchEvent(new CustomEvent(what, { detail }));
  }

  /** Where a new comment goes: the range if both its points are set, else the frame on the screen. */
  get #place() {
    const { from, to } = this.range;
    return from !== null && to !== null ? { frame: from, last_frame: to } : { frame: this.frame, last_frame: null };
  }

  #send() {
    const field = this.#field;
    const text = field?.value.trim();
    if (!field || !text || this.sending) return;
    this.sending = text;
    field.value = "";
    field.blur(); // the next key is the player's
    this.#tell("send", { ...this.#place, text });
  }

  /** @param {Comment} comment */
  #save(comment) {
    const text = /** @type {HTMLTextAreaElement | null} */ (this.renderRoot.querySelector("li form textarea"))?.value.trim();
    if (text && text !== comment.text) this.#tell("edit", { comment, text });
    else if (text) this.edited();
  }

  /** @param {Comment} comment */
  async #edit(comment) {
    this.editing = comment.id;
    await this.updateComplete;
    const field = /** @type {HTMLTextAreaElement | null} */ (this.renderRoot.querySelector("li form textarea"));
    field?.focus();
    field?.setSelectionRange(field.value.length, field.value.length);
  }

  /**
   * Enter does it, Escape leaves the field.
   * @param {KeyboardEvent} event
   * @param {() => void} enter
   * @param {() => void} escape
   */
  #key(event, enter, escape) {
    event.stopPropagation();
    if (event.key === "Escape") escape();
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    enter();
  }

  render() {
    const open = this.comments.filter((comment) => comment.resolved_at === null);
    const listed = this.filter === "all" ? this.comments : open;
    return html`
      <div class="head">
        <h2>${this.comments.length === 1 ? "1 comment" : `${this.comments.length} comments`}</h2>
        <div class="filter" role="group" aria-label="Which comments">${this.#renderFilter("open", `Open ${open.length}`)}${this.#renderFilter("all", "All")}</div>
      </div>
      ${listed.length
        ? html`<ol>${repeat(listed, (comment) => comment.id, (comment) => this.#renderOne(comment))}</ol>`
        : html`<p class="none quiet">${this.#emptyText}</p>`}
      ${this.mayComment ? this.#renderForm() : nothing}
    `;
  }

  get #emptyText() {
    if (this.comments.length) return "Everything is resolved.";
    return `Nothing yet.${this.mayComment ? " Press C to comment on the frame you see, or set in and out first for a range." : ""}`;
  }

  /**
   * @param {import("./commenting.js").Filter} filter
   * @param {string} words
   */
  #renderFilter(filter, words) {
    return html`<button class="plain" aria-pressed=${String(this.filter === filter)} @click=${() => this.#tell("filter", filter)}>${words}</button>`;
  }

  #renderForm() {
    const { frame, last_frame: last } = this.#place;
    const at = stretchText(frame, last, this.counting);
    const leave = () => this.#field?.blur();
    return html`<form class="new" @submit=${this.#submit}>
      <textarea aria-label="Comment at ${at}" placeholder="Comment at ${at}" maxlength="5000" @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event, () => this.#send(), leave)} @focus=${() => this.#tell("writing")}></textarea>
      <div class="bad" role="alert">${this.problem}</div>
      <div class="send">
        <span class="place"><span class="at">${at}</span>${last === null ? nothing : html`<button type="button" class="plain icon" aria-label="Comment on one frame: clear in and out (X)" title="Comment on one frame: clear in and out (X)" @click=${() => this.#tell("one-frame")}>${icons.close}</button>`}</span>
        <button class="primary" ?disabled=${this.sending}>Comment</button>
      </div>
    </form>`;
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    this.#send();
  }

  /** @param {Comment} comment */
  #renderOne(comment) {
    const { frame, last_frame: last } = comment;
    const at = stretchText(frame, last, this.counting);
    const here = last === null ? frame === this.frame : frame <= this.frame && this.frame <= last;
    const resolved = comment.resolved_at !== null;
    const notes = [comment.edited_at ? "edited" : "", resolved ? `resolved by ${comment.resolved_by}` : ""].filter(Boolean).join(", ");
    return html`<li data-id=${comment.id} class="${here ? "here" : ""} ${resolved ? "resolved" : ""}">
      ${this.editing === comment.id
        ? this.#renderEditing(comment, at)
        : html`<button class="plain go" @click=${() => this.#tell("choose", comment)}>
            <span class="meta"><b>${comment.author.name}</b><span class="when quiet">${dateText(comment.created_at)}</span></span>
            <span class="meta"><span class="at">${at}</span></span>
            <span class="text">${comment.text}</span>
            ${notes ? html`<span class="note quiet">${notes}</span>` : nothing}
          </button>
          ${this.#renderDeeds(comment, at, resolved)}`}
    </li>`;
  }

  /**
   * @param {Comment} comment
   * @param {string} at
   * @param {boolean} resolved
   */
  #renderDeeds(comment, at, resolved) {
    const own = comment.author.id === this.userId;
    const settle = resolved ? "Reopen" : "Resolve";
    const button = (/** @type {string} */ name, /** @type {string} */ does, /** @type {unknown} */ picture, /** @type {() => void} */ act) =>
      html`<button class="plain icon ${name}" aria-label="${does} the comment at ${at}" title=${does} @click=${act}>${picture}</button>`;
    return html`<div class="deeds">
      ${own && this.mayComment ? button("edit", "Change", icons.edit, () => this.#edit(comment)) : nothing}
      ${own || this.mayDeleteAll ? button("delete", "Delete", icons.bin, () => this.#tell("delete", comment)) : nothing}
      ${this.mayComment
        ? html`<button class="plain icon settle" aria-label="${settle} the comment at ${at}" title=${settle} aria-pressed=${String(resolved)} @click=${() => this.#tell(resolved ? "reopen" : "resolve", comment)}>${icons.check}</button>`
        : nothing}
    </div>`;
  }

  /**
   * @param {Comment} comment
   * @param {string} at
   */
  #renderEditing(comment, at) {
    const save = (/** @type {Event} */ event) => {
      event.preventDefault();
      this.#save(comment);
    };
    return html`<form @submit=${save}>
      <textarea aria-label="Change the comment at ${at}" maxlength="5000" .value=${comment.text} @keydown=${(/** @type {KeyboardEvent} */ event) => this.#key(event, () => this.#save(comment), () => this.edited())}></textarea>
      <div class="send"><button type="button" class="plain" @click=${this.edited}>Cancel</button><button class="primary">Save</button></div>
    </form>`;
  }
}
customElements.define("rk-comments", RkComments);
