// Types of the vendored lit: the same package from the type checker's own dependencies.
export { LitElement, html, svg, css, nothing } from "lit";
export { repeat } from "lit/directives/repeat.js";
export { live } from "lit/directives/live.js";
