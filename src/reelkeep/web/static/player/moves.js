/** What the keys and buttons that move the film do to it. */

/** @typedef {import("./picture-pair.js").PicturePair | import("./sound-alone.js").SoundAlone} Film */

const FASTEST = 8;
const FAR_FRAMES = 10;

/** @type {{[action: string]: number}} */
const STEPS = { stepBack: -1, stepForward: 1, stepBack10: -FAR_FRAMES, stepForward10: FAR_FRAMES };

/** @param {Film} film */
export function isMoving(film) {
  return film.state === "playing" || film.state === "reverse" || film.state === "waiting";
}

/**
 * @param {Film} film
 * @param {import("./keys.js").Action} action
 * @param {number} speed  of plain play; the shuttle has its own
 * @returns {boolean} false if the action moves nothing
 */
export function move(film, action, speed) {
  if (action in STEPS) film.stepBy(STEPS[action]);
  else if (action === "toggle") isMoving(film) ? film.pause() : film.play(speed);
  else if (action === "stop") film.pause();
  else if (action === "forward") film.play(film.state === "playing" ? Math.min(FASTEST, film.speed * 2) : 1);
  else if (action === "back") film.reverse(film.state === "reverse" ? Math.min(FASTEST, film.speed * 2) : 1);
  else if (action === "first") film.goTo(0);
  else if (action === "last") film.goTo(film.limit - 1);
  else return false;
  return true;
}
