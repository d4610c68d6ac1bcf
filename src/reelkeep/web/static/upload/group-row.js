/** One row for a whole folder: total progress, speed and time left, and what acts on all of its files. */

import { html, nothing } from "../lit.js";
import { icons } from "../icons.js";
import { rateText, sizeText, timeLeftText } from "../measures.js";
import { pickedFiles } from "./picking.js";
import { uploads } from "./uploads.js";

/** @typedef {import("./group.js").Group} Group */

/** Files that wait for a person are named, up to so many. */
const NAMED = 5;

/** @param {Group} group */
export function groupRow(group) {
  const share = group.totalBytes ? group.sentBytes / group.totalBytes : 0;
  const percent = Math.floor(share * 100);
  return html`<li data-upload-group=${group.state}>
    <div class="line"><span class="name" title=${group.name}>${icons.folder}${group.name}</span>${buttons(group)}</div>
    ${group.state === "done"
      ? nothing
      : html`<div class="bar" role="progressbar" aria-label="Folder ${group.name}" aria-valuemin="0" aria-valuemax="100" aria-valuenow=${percent}>
          <i .style=${`width:${share * 100}%`}></i>
        </div>`}
    <small>${line(group)}</small>
    ${group.stuck.length ? stuckFiles(group) : nothing}
  </li>`;
}

/** @param {Group} group */
export function spokenGroup(group) {
  if (group.state === "done") return `Folder ${group.name} is uploaded.`;
  const percent = group.totalBytes ? (100 * group.sentBytes) / group.totalBytes : 0;
  const stuck = group.stuck.length ? ` ${group.stuck.length} wait for you.` : "";
  return `Folder ${group.name}: ${Math.floor(percent / 25) * 25} percent.${stuck}`;
}

/** @param {Group} group */
function line(group) {
  const { done, transfers, sentBytes, totalBytes, rate, secondsLeft } = group;
  const gone = `${done} of ${transfers.length} files · ${sizeText(sentBytes)} of ${sizeText(totalBytes)}`;
  if (group.state === "done") return `Stored in your bucket · ${filesText(done)} · ${sizeText(totalBytes)}`;
  if (group.state === "paused") return `Paused · ${gone}`;
  return rate > 0 && group.running ? `${gone} · ${rateText(rate)} · ${timeLeftText(secondsLeft)}` : gone;
}

/** @param {Group} group */
function stuckFiles({ stuck }) {
  const lost = stuck.filter((each) => each.state === "lost").length;
  if (lost === stuck.length) {
    return html`<small><b>Interrupted</b> The page was closed. Pick the folder again to go on; what is stored is kept.</small>`;
  }
  const named = stuck.slice(0, NAMED).map((each) => html`<br />${each.about.name}: ${each.problem?.message ?? "pick it again"} ${each.problem?.advice ?? ""}`);
  const more = stuck.length - NAMED;
  return html`<small class="bad"><b>${filesText(stuck.length)} not stored</b>${named}${more > 0 ? html`<br />and ${more} more` : nothing}</small>`;
}

/** @param {Group} group */
function buttons(group) {
  const button = (/** @type {string} */ what, /** @type {() => void} */ act) => html`<button aria-label="${what} folder ${group.name}" @click=${act}>${what}</button>`;
  const cross = (/** @type {string} */ what) =>
    html`<button class="plain icon" aria-label="${what} folder ${group.name}" title=${what} @click=${() => uploads.cancelAll(group.transfers)}>${icons.close}</button>`;
  if (group.state === "done") return cross("Dismiss");
  if (group.state === "running") return html`${button("Pause", () => uploads.pauseAll(group.transfers))}${cross("Cancel")}`;
  if (group.transfers.some((each) => each.state === "lost")) return html`${button("Pick folder", () => pickAgain(group))}${cross("Cancel")}`;
  return html`${button("Resume", () => uploads.resumeAll(group.transfers))}${cross("Cancel")}`;
}

/** @param {Group} group */
async function pickAgain(group) {
  uploads.add(group.transfers[0].productionId, await pickedFiles({ folder: true }));
  uploads.resumeAll(group.transfers);
}

/** @param {number} count */
function filesText(count) {
  return `${count} ${count === 1 ? "file" : "files"}`;
}
