/** The seven steps to the company's own bucket: who does each, how it stands, what shows it. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get } from "../api.js";
import { wordsInOne } from "../sentences.js";
import { shared } from "../styles.js";

/**
 * @typedef {{step: string, title: string, state: "open" | "done" | "left out", owner: string, evidence: string,
 *   at: string | null, next: string}} Step
 */

const DAY = new Intl.DateTimeFormat("en", { dateStyle: "medium" });
/** What stands between backticks is a command. @param {string} text */
const withCode = (text) => text.split("`").map((part, number) => (number % 2 === 1 ? html`<code>${part}</code>` : part));
const STATES = { open: "Open", done: "Done", "left out": "Left out" };

export class RkOnboarding extends LitElement {
  static properties = { steps: { state: true }, problem: { state: true } };

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
      .next {
        grid-column: 2 / -1;
        overflow-wrap: anywhere;
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Step[] | null} */
    this.steps = null;
    /** @type {unknown} */
    this.problem = null;
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

  render() {
    const upcoming = this.steps?.find((each) => each.state === "open");
    return html`<div role="alert">${this.problem ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}</div>
      ${this.steps ? html`<ol>${this.steps.map((each) => this.#renderStep(each, each === upcoming))}</ol>` : nothing}`;
  }

  /**
   * @param {Step} step
   * @param {boolean} isNext
   */
  #renderStep({ title, state, owner, evidence, at, next }, isNext) {
    const when = at ? `, ${DAY.format(new Date(at))}` : "";
    return html`<li>
      <span class="what">${title}</span>
      <span class="state ${state === "open" ? "quiet" : ""}">${isNext ? "Next" : STATES[state]}</span>
      <span class="who quiet">${state === "open" ? `For ${owner}` : `By ${owner}${when}`}${evidence ? html`: ${evidence}` : nothing}</span>
      ${isNext ? html`<span class="next">${withCode(next)}</span>` : nothing}
    </li>`;
  }
}
customElements.define("rk-onboarding", RkOnboarding);
