/** The page's few pictograms, drawn for it on a 24-unit grid. */

import { svg, html } from "./lit.js";

/** @param {unknown} shapes */
const icon = (shapes) => html`<svg viewBox="0 0 24 24" aria-hidden="true">${shapes}</svg>`;

export const icons = {
  play: icon(svg`<path class="solid" d="M8 5.5v13l10-6.5z" />`),
  pause: icon(svg`<path d="M8.5 6v12M15.5 6v12" stroke-width="3" />`),
  back: icon(svg`<path class="solid" d="M16 5.5v13L6 12z" />`),
  stepBack: icon(svg`<path class="solid" d="M17 6.5v11L9.5 12z" /><path d="M6.5 6.5v11" />`),
  stepForward: icon(svg`<path class="solid" d="M7 6.5v11l7.500-5.500z" /><path d="M17.500 6.500v11" />`),
  markIn: icon(svg`<path d="M13 5H9v14h4" /><path class="solid" d="M14 9v6l4-3z" />`),
  markOut: icon(svg`<path d="M11 5h4v14h-4" /><path class="solid" d="M10 9v6l-4-3z" />`),
  note: icon(svg`<path d="M9 17.500V6l10-2v11.500" /><circle cx="6.500" cy="17.500" r="2.500" /><circle cx="16.500" cy="15.500" r="2.500" />`),
  sound: icon(svg`<path d="M4 9.500v5h3.500L12 18.500v-13L7.500 9.500z" /><path d="M15.500 9a4.200 4.200 0 0 1 0 6M18 6.500a7.800 7.800 0 0 1 0 11" />`),
  mute: icon(svg`<path d="M4 9.500v5h3.500L12 18.500v-13L7.500 9.500z" /><path d="M16 9.500l5 5M21 9.500l-5 5" />`),
  loop: icon(svg`<path d="M17 4l3 3-3 3" /><path d="M20 7H8a4 4 0 0 0-4 4M7 20l-3-3 3-3" /><path d="M4 17h12a4 4 0 0 0 4-4" />`),
  fullScreen: icon(svg`<path d="M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5" />`),
  comment: icon(svg`<path d="M4 5h16v11H12l-4.500 4v-4H4z" />`),
  keys: icon(svg`<rect x="3" y="6" width="18" height="12" rx="2" /><path d="M7 10h.01M11 10h.01M15 10h.01M8 14h8" />`),
  upload: icon(svg`<path d="M12 16V5M7.500 9.500L12 5l4.500 4.500M5 19h14" />`),
  download: icon(svg`<path d="M12 5v11M7.500 11.500L12 16l4.500-4.500M5 19h14" />`),
  info: icon(svg`<circle cx="12" cy="12" r="8" /><path d="M12 11v5M12 8h.01" />`),
  close: icon(svg`<path d="M6 6l12 12M18 6L6 18" />`),
  folder: icon(svg`<path d="M3.500 7.500v10.500h17V8.500h-8.500l-2-2.500h-6.500z" />`),
  edit: icon(svg`<path d="M5 19l1-4.500L15.500 5 19 8.500 9.500 18z" /><path d="M13.500 7l3.500 3.500" />`),
  check: icon(svg`<path d="M5 12.500l4.500 4.500L19 7.500" />`),
  settings: icon(svg`<path d="M4 8h9M17 8h3M4 16h3M11 16h9" /><circle cx="15" cy="8" r="2" /><circle cx="9" cy="16" r="2" />`),
  actual: icon(svg`<rect x="3.500" y="5" width="17" height="14" rx="2" /><path d="M7.500 9.500L9 9v6M15 9.500L16.500 9v6M12.500 10.500h.01M12.500 13.500h.01" />`),
  again: icon(svg`<path d="M18.500 8A8 8 0 1 0 20 12M18.500 3.500V8H14" />`),
  bin: icon(svg`<path d="M5 7h14M10 7V4.500h4V7M7 7l1 12.500h8L17 7" />`),
  film: icon(svg`<rect x="3.500" y="5" width="17" height="14" rx="2" /><path d="M8 5v14M16 5v14M3.500 9.500H8M3.500 14.500H8M16 9.500h4.500M16 14.500h4.500" />`),
};
