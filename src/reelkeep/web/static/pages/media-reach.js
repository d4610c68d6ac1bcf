/**
 * Whether this browser gets through to the host name that pictures and films come from. It has a certificate of its
 * own, and a browser that does not trust it says so on that name's own page alone, never under somebody else's.
 */

/** Fires "change". */
export class MediaReach extends EventTarget {
  constructor() {
    super();
    this.origin = "";
    /** False once the name could not be reached, until it can. */
    this.reached = true;
    this.onShown = () => document.hidden || this.reached || this.#try();
  }

  /** @param {string} origin  of the company's media, from now on */
  watch(origin) {
    if (this.origin === origin) return;
    this.origin = origin;
    document.addEventListener("visibilitychange", this.onShown); // a person comes back from the other tab
    if (location.protocol === "https:") this.#try();
  }

  close() {
    document.removeEventListener("visibilitychange", this.onShown);
  }

  async #try() {
    const reached = await fetch(`${this.origin}/`, { credentials: "omit", cache: "no-store" }).then(() => true, () => false);
    if (reached === this.reached) return;
    this.reached = reached;
    this.dispatchEvent(new Event("change"));
  }
}
