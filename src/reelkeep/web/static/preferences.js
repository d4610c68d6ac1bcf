/** What this browser remembers for whoever uses it: small settings of the player, never anything of a film. */

const PREFIX = "reelkeep.";

/**
 * @template T
 * @param {string} name
 * @param {T} otherwise
 * @param {(value: unknown) => boolean} does  tells whether a stored value does; anything may have been stored
 * @returns {T}
 */
export function remembered(name, otherwise, does) {
  try {
    const value = JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
    return does(value) ? value : otherwise;
  } catch {
    return otherwise; // no storage here, or something that is no JSON
  }
}

/**
 * @param {string} name
 * @param {unknown} value
 */
export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // A browser that stores nothing forgets; nothing else depends on it.
  }
}
