/** The processes that served the company: when each began and ended, and why. For its admins. */

import { LitElement, css, html, nothing } from "../lit.js";
import { get } from "../api.js";
import { wordsInOne } from "../sentences.js";
import { companyPage, shared, stackedTable } from "../styles.js";

/**
 * @typedef {{id: string, kind: string, host: string, pid: number, started_at: string, ended_at: string | null,
 *   reason: string | null, status: number | null, why: string}} Process
 */

const PAGE = 100;
const MOMENT = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "medium" });
const KINDS = /** @type {Record<string, string>} */ ({ app: "Pages and API", media: "Playback", job: "Job" });

/** @param {string} text */
const moment = (text) => html`<time datetime=${text}>${MOMENT.format(new Date(text))}</time>`;
/** @param {string} text */
const capital = (text) => text.replace(/^./, (first) => first.toUpperCase());

export class RkProcesses extends LitElement {
  static properties = { processes: { state: true }, next: { state: true }, reading: { state: true }, problem: { state: true } };

  static styles = [
    shared,
    companyPage,
    stackedTable,
    css`
      .links {
        display: flex;
        flex-wrap: wrap;
        gap: 10px;
        margin: 18px 0;
      }
      tbody th {
        font-weight: 500;
        white-space: nowrap;
      }
      time {
        white-space: nowrap;
      }
      .more {
        margin-top: 18px;
      }
      @media (max-width: 720px) {
        .where {
          text-align: right;
        }
        .when,
        .why {
          grid-column: 1 / -1;
        }
        .when::before {
          content: attr(data-label) " ";
          color: var(--quiet);
        }
      }
    `,
  ];

  constructor() {
    super();
    /** @type {Process[]} */
    this.processes = [];
    /** Where the list goes on; null: it does not. @type {string | null} */
    this.next = "";
    this.reading = false;
    /** @type {unknown} */
    this.problem = null;
  }

  connectedCallback() {
    super.connectedCallback();
    this.dispatchEvent(new CustomEvent("reelkeep-trail", { detail: [{ text: "Processes" }], bubbles: true, composed: true }));
    this.#read();
  }

  async #read() {
    this.reading = true;
    this.problem = null;
    try {
      const answer = await get(`/processes?limit=${PAGE}&before=${this.next}`);
      this.processes = [...this.processes, ...answer.processes];
      this.next = answer.next;
    } catch (problem) {
      this.problem = problem;
    } finally {
      this.reading = false;
    }
  }

  render() {
    return html`
      <h1>Processes</h1>
      <p class="quiet">A process that has served your company serves no other. Here stands every one that did, from when to when, and why it ended. None of them can change or remove what stands here.</p>
      <p class="links">
        <a class="button" href="/api/v1/processes/csv" download>Download as CSV</a>
        <a class="button" href="/api/v1/processes/json" download>Download as JSON</a>
        <a class="button" href="/storage">Storage</a>
      </p>
      <div role="alert">${this.problem ? html`<p class="bad">${wordsInOne(this.problem)}</p>` : nothing}</div>
      ${this.processes.length > 0 ? this.#renderTable() : nothing}
      ${this.next ? html`<button class="more" ?disabled=${this.reading} @click=${this.#read}>Show earlier ones</button>` : nothing}
    `;
  }

  #renderTable() {
    return html`<table aria-label="Processes that served the company">
      <thead>
        <tr>
          <th scope="col">Process</th>
          <th scope="col">Host and number</th>
          <th scope="col">Started</th>
          <th scope="col">Ended</th>
          <th scope="col">Why it ended</th>
        </tr>
      </thead>
      <tbody>
        ${this.processes.map(
          (one) =>
            html`<tr>
              <th scope="row">${KINDS[one.kind] ?? one.kind}</th>
              <td class="where quiet">${one.host} ${one.pid}</td>
              <td class="when" data-label="Started">${moment(one.started_at)}</td>
              ${one.ended_at ? html`<td class="when" data-label="Ended">${moment(one.ended_at)}</td>` : html`<td>Serves now</td>`}
              <td class="why quiet">${capital(one.why)}</td>
            </tr>`,
        )}
      </tbody>
    </table>`;
  }
}
customElements.define("rk-processes", RkProcesses);
