/** The panels that a button opens over the player: what their keys do. */

/** Panels that were last used by mouse or finger. @type {WeakSet<EventTarget>} */
const pointed = new WeakSet();

/** @param {PointerEvent} event  in an open panel */
export function pointInPanel(event) {
  const panel = /** @type {HTMLElement} */ (event.currentTarget);
  if (pointed.has(panel)) return;
  pointed.add(panel);
  panel.addEventListener("toggle", () => pointed.delete(panel), { once: true }); // it closes
}

/**
 * Keep a panel's keys from the player. Escape closes the panel at once, so that the next key is the player's again:
 * the browser alone would leave the focus in the closed panel until it paints. Who came by keyboard is put back on
 * the panel's button; who came by mouse stands nowhere, and the space bar plays.
 * @param {KeyboardEvent} event  of an open popover that stands beside its button
 */
export function keyInPanel(event) {
  const panel = /** @type {HTMLElement} */ (event.currentTarget);
  const byPointer = pointed.delete(panel);
  if (event.key !== "Escape") return event.stopPropagation();
  panel.hidePopover();
  const { activeElement } = /** @type {ShadowRoot} */ (panel.getRootNode()); // in the panel, or its button already
  if (byPointer) /** @type {HTMLElement | null} */ (activeElement)?.blur();
  else /** @type {HTMLElement | null} */ (panel.parentNode?.querySelector(`[popovertarget="${panel.id}"]`))?.focus();
  return undefined;
}
