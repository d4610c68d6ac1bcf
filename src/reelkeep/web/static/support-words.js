/** Support access in words, for the banner and the page. Pure; no I/O. */

/**
 * @typedef {{whole_company: boolean, production: string | null, with_media: boolean, given_by: string,
 *   given_at: string, ends_at: string}} Access
 * @typedef {{id: string, at: string, what: string, name: string | null, details: Record<string, any>}} Deed
 */

const CLOCK = new Intl.DateTimeFormat("en", { timeStyle: "short" });
const DAY_AND_CLOCK = new Intl.DateTimeFormat("en", { dateStyle: "medium", timeStyle: "short" });

/**
 * Until when, with the day if it is not today's.
 * @param {string} moment
 */
function until(moment) {
  const end = new Date(moment);
  return (end.toDateString() === new Date().toDateString() ? CLOCK : DAY_AND_CLOCK).format(end);
}

/**
 * What may be looked at, and how long.
 * @param {Access} access
 */
export function scope(access) {
  const where = access.whole_company ? "the whole company" : access.production ? `the production ${access.production}` : "one production";
  return `${where}, ${access.with_media ? "with" : "without"} pictures and sound, until ${until(access.ends_at)}`;
}

/**
 * What one line of the record says.
 * @param {Deed} deed
 */
export function deed({ what, details }) {
  switch (what) {
    case "support.given":
      return `Let support look at ${details.production ? "one production" : "the whole company"}, ${details.with_media ? "with" : "without"} pictures and sound, for ${details.minutes} minutes`;
    case "support.ended":
      return "Ended it";
    case "support.link_made":
      return "Asked for a link to come in";
    case "support.signed_in":
      return "Came in by the link";
    case "support.refused":
      return "Asked to come in, and was refused: nobody had let support in";
    default:
      return `${details.method ?? ""} ${details.path ?? ""}`.trim();
  }
}
