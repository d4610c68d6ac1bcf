/** The comments of a version, each on its frame; click one to go there. */

import { LitElement, css, html, nothing, repeat } from "../lit.js";
import { icons } from "../icons.js";
import { dateText } from "../measures.js";
import { shared } from "../styles.js";
import { timecodeText } from "../timecode.js";

/** @typedef {import("../api.js").Comment} Comment */

export class RkComments extends LitElement {
  static properties = {
    comments: {},
    frame: { type: Number },
    rate: {},
    start: {},
    userId: {},
    mayComment: { type: Boolean },
    problem: {},
    sending: { state: true },
  };

  static styles = [
    shared,
    css`
      :host {
        display: flex;
        flex-direction: column;
        min-height: 0;
        background: var(--panel);
      }
      h2 {
        font-size: 14px;
        padding: 13px 16px 11px;
        border-bottom: 1px solid var(--line);
      }
      ol {
        list-style: none;
        margin: 0;
        padding: 0;
        overflow: auto;
        flex: 1;
        min-height: 0;
      }
      li {
        position: relative;
        border-bottom: 1px solid var(--line);
      }
      li.here {
        box-shadow: inset 2px 0 var(--mark);
        background: #222222;
      }
      .go {
        display: block;
        width: 100%;
        text-align: left;
        white-space: normal;
        border: 0;
        border-radius: 0;
        padding: 12px 16px 13px;
        min-height: 0;
      }
      .go:focus-visible {
        outline-offset: -2px;
      }
      .meta {
        display: flex;
        gap: 8px;
        align-items: baseline;
        padding-right: 34px;
        margin-bottom: 3px;
      }
      .meta b {
        font-weight: 500;
        overflow: hidden;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .at {
        color: var(--mark);
      }
      .when {
        margin-left: auto;
        font-size: 12px;
      }
      .text {
        white-space: pre-wrap;
        overflow-wrap: anywhere;
      }
      .delete {
        position: absolute;
        right: 4px;
        top: 4px;
        color: var(--quiet);
      }
      .none {
        padding: 16px;
      }
      form {
        border-top: 1px solid var(--line);
        padding: 12px 16px 14px;
        display: grid;
        gap: 8px;
      }
      textarea {
        width: 100%;
        min-height: 64px;
      }
      @media (max-width: 860px) {
        form {
          padding-block: 8px 10px;
        }
        textarea {
          min-height: 44px;
          height: 44px;
        }
      }
      .send {
        display: flex;
        align-items: center;
        justify-content: space-between;
        gap: 10px;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Comment[]} */
    this.comments = [];
    this.frame = 0;
    /** @type {import("../timecode.js").Rate} */
    this.rate = { n: 24, d: 1 };
    /** @type {import("../timecode.js").StartTimecode | null} */
    this.start = null;
    this.userId = "";
    this.mayComment = true;
    this.problem = "";
    this.sending = false;
  }

  /** Put the cursor into the comment field. */
  write() {
    this.renderRoot.querySelector("textarea")?.focus();
  }

  /** Empty the field after the comment was stored, or keep it after a failure. @param {boolean} stored */
  sent(stored) {
    const field = this.renderRoot.querySelector("textarea");
    this.sending = false;
    if (stored && field) {
      field.value = "";
      field.blur();
    }
  }

  /** @param {Event} event */
  #send(event) {
    event.preventDefault();
    const text = this.renderRoot.querySelector("textarea")?.value.trim();
    if (!text || this.sending) return;
    this.sending = true;
    this.dispatchEvent(new CustomEvent("send", { detail: text }));
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    event.stopPropagation();
    if (event.key === "Escape") /** @type {HTMLElement} */ (event.target).blur();
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) this.#send(event);
  }

  render() {
    return html`
      <h2>${this.comments.length === 1 ? "1 comment" : `${this.comments.length} comments`}</h2>
      ${this.comments.length
        ? html`<ol>${repeat(this.comments, (comment) => comment.id, (comment) => this.#renderOne(comment))}</ol>`
        : html`<p class="none quiet">Nothing yet.${this.mayComment ? " Press C to comment on the frame you see." : ""}</p><ol></ol>`}
      ${this.mayComment ? this.#renderForm() : nothing}
    `;
  }

  #renderForm() {
    const at = timecodeText(this.frame, this.rate, this.start);
    return html`<form @submit=${this.#send}>
      <textarea aria-label="Comment at ${at}" placeholder="Comment at ${at}" maxlength="5000" @keydown=${this.#key} @focus=${() => this.dispatchEvent(new Event("writing"))}></textarea>
      <div class="bad" role="alert">${this.problem}</div>
      <div class="send"><span class="quiet">At <span class="at">${at}</span></span><button class="primary" ?disabled=${this.sending}>Comment</button></div>
    </form>`;
  }

  /** @param {Comment} comment */
  #renderOne(comment) {
    const go = () => this.dispatchEvent(new CustomEvent("choose", { detail: comment }));
    return html`<li class=${comment.frame === this.frame ? "here" : ""}>
      <button class="plain go" @click=${go}>
        <span class="meta"><span class="at">${timecodeText(comment.frame, this.rate, this.start)}</span><b>${comment.author.name}</b><span class="when quiet">${dateText(comment.created_at)}</span></span>
        <span class="text">${comment.text}</span>
      </button>
      ${comment.author.id === this.userId
        ? html`<button class="plain icon delete" aria-label="Delete the comment at ${timecodeText(comment.frame, this.rate, this.start)}" title="Delete" @click=${() => this.dispatchEvent(new CustomEvent("delete", { detail: comment }))}>${icons.bin}</button>`
        : nothing}
    </li>`;
  }
}
customElements.define("rk-comments", RkComments);
