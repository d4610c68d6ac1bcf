/** Styles that several elements share. */

import { css } from "./lit.js";

export const shared = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  [hidden] {
    display: none !important;
  }
  :host {
    font-variant-numeric: tabular-nums;
  }
  h1,
  h2,
  h3,
  p {
    margin: 0;
    font-weight: 500;
  }
  p {
    font-weight: 400;
  }
  a {
    color: inherit;
  }
  button,
  input,
  textarea,
  select {
    font: inherit;
    color: inherit;
  }
  button,
  .button {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 8px;
    min-height: 36px;
    padding: 0 14px;
    border: 1px solid var(--line);
    border-radius: var(--radius);
    background: var(--raised);
    cursor: pointer;
    text-decoration: none;
    white-space: nowrap;
  }
  button:hover:not(:disabled),
  .button:hover {
    border-color: var(--strong-line);
  }
  button:disabled {
    opacity: 0.45;
    cursor: default;
  }
  button.primary {
    background: var(--text);
    border-color: var(--text);
    color: #141414;
    font-weight: 500;
  }
  button.primary:hover:not(:disabled) {
    background: #ffffff;
  }
  button.plain {
    background: none;
    border-color: transparent;
  }
  button.plain:hover:not(:disabled) {
    background: var(--raised);
  }
  button.icon {
    width: 36px;
    padding: 0;
    flex: none;
  }
  input,
  textarea,
  select {
    min-height: 36px;
    padding: 7px 10px;
    border: 1px solid var(--strong-line);
    border-radius: var(--radius);
    background: #101010;
  }
  input[type="range"] {
    accent-color: var(--text);
    padding: 0;
    border: 0;
    background: none;
  }
  textarea {
    resize: vertical;
  }
  ::placeholder {
    color: var(--quiet);
    opacity: 1;
  }
  label {
    color: var(--quiet);
  }
  :focus-visible {
    outline: 2px solid var(--focus);
    outline-offset: 2px;
  }
  .quiet {
    color: var(--quiet);
  }
  .bad {
    color: var(--bad);
  }
  .visually-hidden {
    position: absolute;
    width: 1px;
    height: 1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  svg {
    width: 20px;
    height: 20px;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.75;
    stroke-linecap: round;
    stroke-linejoin: round;
    flex: none;
  }
  .solid {
    fill: currentColor;
  }
  @media (pointer: coarse) {
    button,
    .button,
    input,
    select {
      min-height: 44px;
    }
    button.icon {
      width: 44px;
    }
  }
  @media (prefers-reduced-motion: reduce) {
    * {
      transition: none !important;
      animation: none !important;
    }
  }
`;

/** A page of one small form in the middle. */
export const doorstep = css`
  :host {
    flex: 1;
    display: grid;
    place-items: center;
    padding: 24px 16px 12vh;
  }
  h1 {
    font-size: 22px;
  }
`;

/** Of the pages of a company's admins: a column with headings and tables. */
export const companyPage = css`
  :host {
    display: block;
    width: min(100%, 1080px);
    margin: 0 auto;
    padding: 32px 16px 96px;
  }
  h1 {
    font-size: 20px;
    margin-bottom: 6px;
  }
  h2 {
    font-size: 15px;
    margin: 36px 0 10px;
  }
  table {
    width: 100%;
    border-collapse: collapse;
    border-top: 1px solid var(--line);
  }
  th,
  td {
    text-align: left;
    font-weight: 400;
    padding: 11px 16px 11px 4px;
    border-bottom: 1px solid var(--line);
    vertical-align: baseline;
    overflow-wrap: anywhere;
  }
  thead th {
    color: var(--quiet);
  }
`;

/** Of a page whose tables become lists at phone width: each row a small grid, headings for screen readers alone. */
export const stackedTable = css`
  @media (max-width: 720px) {
    :host {
      padding-top: 20px;
    }
    thead {
      position: absolute;
      left: -9999px;
    }
    tr {
      display: grid;
      grid-template-columns: minmax(0, 1fr) auto;
      gap: 2px 12px;
      padding: 11px 4px;
      border-bottom: 1px solid var(--line);
    }
    th,
    td {
      border: 0;
      padding: 0;
    }
  }
`;
