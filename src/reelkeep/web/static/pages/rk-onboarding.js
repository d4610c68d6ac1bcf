/** The seven steps to the company's own bucket: who does each, how it stands, what shows it; some are noted here. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get, post } from "../api.js";
import { wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";

/**
 * @typedef {{step: string, title: string, state: "open" | "done" | "left out", owner: string, evidence: string,
 *   at: string | null, next: string, for_people: boolean}} Step
 */

const DAY = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
/** What stands between backticks is a command. @param {string} text */
const withCode = (text) => text.split("`").map((part, number) => (number % 2 === 1 ? html`<code>${part}</code>` : part));
const STATES = { open: "Open", done: "Done", "left out": "Left out" };
/** `onboarding_steps.MAX_TEXT` */
const MAX_TEXT = 500;

export class RkOnboarding extends LitElement {
  static properties = { user: {}, steps: { state: true }, problem: { state: true }, noting: { state: true }, sending: { state: true }, said: { state: true } };

  static styles = [
    shared,
    css`
      ol {
        list-style: none;
        counter-reset: step;
        margin: 0;
        padding: 0;
        border-top: 1px solid var(--line);
      }
      li {
        counter-increment: step;
        display: grid;
        grid-template-columns: 28px minmax(0, 1fr) auto;
        gap: 2px 8px;
        padding: 11px 4px;
        border-bottom: 1px solid var(--line);
      }
      li::before {
        content: counter(step);
        color: var(--quiet);
        grid-row: 1 / span 3;
      }
      .what {
        font-weight: 500;
      }
      .state {
        white-space: nowrap;
      }
      .who,
      .next,
      .note {
        grid-column: 2 / -1;
        overflow-wrap: anywhere;
      }
      .note {
        justify-self: start;
        margin-top: 6px;
      }
      form {
        display: grid;
        grid-template-columns: auto minmax(0, 1fr);
        gap: 10px 12px;
        align-items: center;
        width: min(100%, 560px);
      }
      form div {
        grid-column: 2;
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
      }
      select {
        justify-self: start;
      }
      @media (max-width: 640px) {
        form {
          grid-template-columns: minmax(0, 1fr);
          gap: 4px;
        }
        form div {
          grid-column: 1;
          margin-top: 8px;
        }
        form label:not(:first-child) {
          margin-top: 6px;
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Step[] | null} */
    this.steps = null;
    /** @type {unknown} */
    this.problem = null;
    /** Who is signed in. @type {{name: string} | null} */
    this.user = null;
    /** The step whose form is open. */
    this.noting = "";
    this.sending = false;
    this.said = "";
  }

  connectedCallback() {
    super.connectedCallback();
    this.#read();
  }

  async #read() {
    try {
      this.steps = (await get("/storage/onboarding")).steps;
    } catch (problem) {
      this.problem = problem;
    }
  }

  /**
   * Open a step's form, or close it (""), and take the focus along.
   * @param {string} step
   */
  async #turnTo(step) {
    const before = this.noting;
    this.noting = step;
    this.problem = null;
    this.said = "";
    await this.updateComplete;
    const selector = step ? "form select" : `button[data-step="${before}"]`;
    /** @type {HTMLElement | null} */ (this.renderRoot.querySelector(selector))?.focus();
  }

  /** @param {SubmitEvent} event */
  async #send(event) {
    event.preventDefault();
    const { step, title } = /** @type {Step} */ (this.steps?.find((each) => each.step === this.noting));
    const note = Object.fromEntries(new FormData(/** @type {HTMLFormElement} */ (event.target)));
    this.problem = null;
    this.sending = true;
    try {
      this.steps = (await post(`/storage/onboarding/${step}/notes`, note)).steps;
      this.sending = false; // what is disabled takes no focus
      await this.#turnTo("");
      this.said = `Noted: ${title}.`;
    } catch (problem) {
      this.problem = problem;
    } finally {
      this.sending = false;
    }
  }

  render() {
    const upcoming = this.steps?.find((each) => each.state === "open");
    return html`<div role="alert">${this.problem && !this.noting ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}</div>
      <div role="status" class="visually-hidden">${this.said}</div>
      ${this.steps ? html`<ol>${this.steps.map((each) => this.#renderStep(each, each === upcoming))}</ol>` : nothing}`;
  }

  /**
   * @param {Step} step
   * @param {boolean} isNext
   */
  #renderStep(step, isNext) {
    const { title, state, owner, evidence, at, next } = step;
    const when = at && state !== "open" ? `, ${DAY.format(new Date(at))}` : "";
    return html`<li>
      <span class="what">${title}</span>
      <span class="state ${state === "open" ? "quiet" : ""}">${isNext ? "Next" : STATES[state]}</span>
      <span class="who quiet">${state === "open" ? `For ${owner}` : `By ${owner}${when}`}${evidence ? html`: ${evidence}` : nothing}</span>
      ${isNext ? html`<span class="next">${withCode(next)}</span>` : nothing}
      ${step.for_people ? this.#renderNote(step) : nothing}
    </li>`;
  }

  /** @param {Step} step */
  #renderNote({ step, title, state }) {
    if (this.noting !== step) {
      const what = state === "open" ? "Note" : "Note again";
      return html`<button class="note" data-step=${step} ?disabled=${this.sending} aria-label="${what}: ${title}" @click=${() => this.#turnTo(step)}>${what}</button>`;
    }
    return html`<form class="note" aria-label="Note: ${title}" @submit=${this.#send} @keydown=${this.#onKey}>
      <label for="state">It is</label>
      <select id="state" name="state">
        <option value="done">Done</option>
        <option value="left out">Left out</option>
        ${state === "open" ? nothing : html`<option value="open">Open again</option>`}
      </select>
      <label for="owner">Who</label>
      <input id="owner" name="owner" required maxlength=${MAX_TEXT} autocomplete="off" .value=${this.user?.name ?? ""} />
      <label for="evidence">What shows it</label>
      <input id="evidence" name="evidence" required maxlength=${MAX_TEXT} autocomplete="off" placeholder="A ticket, a name, a file" />
      <div>
        <button class="primary" ?disabled=${this.sending}>Save</button>
        <button type="button" class="plain" @click=${() => this.#turnTo("")}>Cancel</button>
      </div>
      <div role="alert">${this.problem ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}</div>
    </form>`;
  }

  /** @param {KeyboardEvent} event */
  #onKey(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.#turnTo("");
  }
}
customElements.define("rk-onboarding", RkOnboarding);
