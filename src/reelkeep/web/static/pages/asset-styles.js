/** The layout of the player's page: picture first, comments beside it, or below it on a phone. */

import { css } from "../lit.js";

export const assetStyles = css`
  :host {
    flex: none;
    display: grid;
    grid-template-columns: minmax(0, 1fr) clamp(340px, 21vw, 420px);
    grid-template-rows: minmax(0, 1fr);
    height: max(calc(100dvh - 48px), 520px);
  }
  .viewer {
    display: flex;
    flex-direction: column;
    min-width: 0;
    min-height: 0;
    background: var(--ground);
  }
  .facts {
    display: flex;
    align-items: center;
    gap: 10px;
    padding: 6px 12px;
    min-height: 48px;
  }
  .facts .state {
    margin-left: auto;
    color: var(--quiet);
    white-space: nowrap;
  }
  .facts .tools {
    display: flex;
    flex: none;
    align-items: center;
    gap: 10px;
  }
  .facts .tools:empty {
    display: none;
  }
  .facts .sequence {
    font-size: 13px;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .facts .light {
    padding: 2px 8px;
    border: 1px solid var(--mark);
    border-radius: 6px;
    color: var(--mark);
    font-size: 12px;
    white-space: nowrap;
  }
  .facts h1 {
    font-size: 15px;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .notice:not(:empty) {
    padding: 0 12px 8px;
  }
  .stage {
    position: relative;
    flex: 1;
    min-height: 0;
    background: #000000;
    overflow: hidden;
  }
  video {
    position: absolute;
    inset: 0;
    width: 100%;
    height: 100%;
    object-fit: contain;
    z-index: 1;
  }
  /* A hair from opaque: the compositor lets a video that is wholly covered go stale, and it must be fresh when it
     is raised. The picture below adds less than a thirtieth of one 8-bit step. */
  video.top {
    z-index: 2;
    opacity: 0.9999;
  }
  .stage.actual {
    cursor: grab;
    touch-action: none;
  }
  .stage.actual:active {
    cursor: grabbing;
  }
  .stage.actual video {
    right: auto;
    bottom: auto;
  }
  .over {
    position: absolute;
    inset: 0;
    z-index: 3;
    display: grid;
    place-items: center;
    text-align: center;
    background: #000000;
    overflow: auto;
    padding: 16px;
  }
  .over.light {
    background: #000000b0;
  }
  .say {
    display: grid;
    gap: 8px;
    justify-items: center;
    max-width: 32rem;
    overflow-wrap: anywhere;
  }
  rk-comments {
    border-left: 1px solid var(--line);
  }
  rk-keys {
    position: absolute;
  }
  .viewer:fullscreen .facts {
    display: none;
  }
  @media (max-width: 860px) {
    :host {
      grid-template-columns: minmax(0, 1fr);
      grid-template-rows: auto minmax(0, 1fr);
    }
    .viewer:not(:fullscreen) .stage {
      flex: none;
      aspect-ratio: var(--aspect, 16 / 9);
      max-height: 46dvh;
    }
    .facts {
      flex-wrap: wrap;
      gap: 4px 8px;
    }
    .facts h1 {
      flex: 1 1 12rem;
      min-width: 0;
    }
    .facts .state {
      display: none;
    }
    rk-comments {
      border-left: 0;
      border-top: 1px solid var(--line);
    }
  }
`;
