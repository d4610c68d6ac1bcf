/** How the list of comments looks. */

import { css } from "../lit.js";

export const commentStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 0;
    background: var(--panel);
  }
  .head {
    display: flex;
    align-items: center;
    justify-content: space-between;
    gap: 8px;
    min-height: 48px;
    padding: 4px 8px 4px 16px;
    border-bottom: 1px solid var(--line);
  }
  h2 {
    font-size: 14px;
  }
  .filter {
    display: flex;
  }
  .filter button {
    padding: 0 10px;
    min-height: 30px;
    color: var(--quiet);
  }
  .filter button[aria-pressed="true"] {
    color: var(--text);
    background: var(--raised);
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
    white-space: nowrap;
  }
  .when {
    margin-left: auto;
    font-size: 12px;
  }
  .text {
    white-space: pre-wrap;
    overflow-wrap: anywhere;
  }
  .note {
    display: block;
    padding-top: 3px;
    font-size: 12px;
  }
  .deeds {
    position: absolute;
    top: 31px;
    right: 8px;
    display: flex;
  }
  .deeds button {
    color: var(--quiet);
    width: 32px;
    min-height: 32px;
  }
  .deeds svg {
    width: 17px;
    height: 17px;
  }
  .settle[aria-pressed="true"] {
    color: var(--good);
  }
  li.resolved .text {
    color: var(--quiet);
  }
  li.here .when,
  li.here .note {
    color: #b4b4b4;
  }
  .none {
    padding: 16px;
  }
  form {
    border-top: 1px solid var(--line);
    padding: 12px 16px 14px;
    display: grid;
    grid-template-columns: minmax(0, 1fr);
    gap: 8px;
  }
  li form {
    border-top: 0;
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
  .place {
    display: flex;
    align-items: center;
    gap: 4px;
    min-width: 0;
  }
  .place button {
    min-height: 28px;
    width: 28px;
  }
  .place svg {
    width: 15px;
    height: 15px;
  }
  .send {
    display: flex;
    align-items: center;
    justify-content: space-between;
    flex-wrap: wrap;
    gap: 4px 10px;
  }
  .send .primary {
    margin-left: auto;
  }
  @media (pointer: coarse) {
    .deeds button,
    .place button,
    .filter button {
      width: auto;
      min-width: 44px;
      min-height: 44px;
    }
  }
`;
