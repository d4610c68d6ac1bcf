/** What an admin of the production is asked before a version, or the film that is shown of it, is taken away. */

import { html, nothing } from "../lit.js";
import { post, remove } from "../api.js";
import { icons } from "../icons.js";
import { mayDelete } from "../version-words.js";
import "./rk-question.js";

/**
 * @param {import("../api.js").Version} version
 * @param {string} name  of its asset
 */
export function versionQuestions(version, name) {
  return html`${version.state === "ready" ? askToRemake(version, name) : nothing}${mayDelete(version) ? askToDelete(version, name) : nothing}`;
}

/**
 * @param {import("../api.js").Version} version
 * @param {string} name
 */
function askToRemake(version, name) {
  return html`<rk-question .icon=${icons.again} label="Make the film anew" question="Make the film of version ${version.number} of ${name} anew?" yes="Make it anew" no="Leave it" .act=${() => post(`/versions/${version.id}/remake`)}>
    <p>It is made from the original once more, with the LUT, the mark bands and the largest picture that the production has now. Its comments stay.</p>
    <p class="quiet">Whoever watches it loses the picture until the first of the new one is there.</p>
  </rk-question>`;
}

/**
 * @param {import("../api.js").Version} version
 * @param {string} name
 */
function askToDelete(version, name) {
  return html`<rk-question .icon=${icons.bin} label="Delete this version" question="Delete version ${version.number} of ${name}?" yes="Delete it" no="Keep it" .act=${() => remove(`/versions/${version.id}`)}>
    <p>Its film, its comments and everything that was made of it leave the site at once.</p>
    <p class="quiet">The original waits in your company's bucket. Until it is purged there, an admin can bring the version back from the production's page.</p>
  </rk-question>`;
}
