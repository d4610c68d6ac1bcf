/** The one door to the vendored lit: every module imports from here. */
export { LitElement, html, svg, css, nothing } from "./vendor/lit/index.js";
export { repeat } from "./vendor/lit-html/directives/repeat.js";
export { live } from "./vendor/lit-html/directives/live.js";
