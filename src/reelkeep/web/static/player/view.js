/** How the picture lies on its stage: fitted, or with one picture pixel on one pixel of the screen, moved by hand. */

/**
 * @typedef {{width: number, height: number}} Size
 * @typedef {{x: number, y: number}} Point
 */

/** A press that moves further than this is a drag and no click. */
const CLICK_PX = 4;
/** How far a key moves the picture, of the stage's shorter side. */
const KEY_SHARE = 0.2;

/**
 * Where a picture lies at 1:1, with its corner on a whole pixel of the screen. Along an edge shorter than the stage
 * it stays in the middle; along a longer one it never leaves a gap.
 * @param {Size} picture  its pixels
 * @param {Size} stage  CSS pixels
 * @param {number} ratio  pixels of the screen to a CSS pixel
 * @param {Point} pan  CSS pixels that the picture's middle is away from the stage's
 * @returns {{left: number, top: number, width: number, height: number, pan: Point}}  CSS pixels; pan as far as it is allowed
 */
export function placed(picture, stage, ratio, pan) {
  const along = (/** @type {number} */ pixels, /** @type {number} */ room, /** @type {number} */ wanted) => {
    const size = pixels / ratio;
    const most = Math.max(0, (size - room) / 2);
    const moved = Math.min(most, Math.max(-most, wanted));
    return { size, moved, begin: Math.round(((room - size) / 2 + moved) * ratio) / ratio };
  };
  const x = along(picture.width, stage.width, pan.x);
  const y = along(picture.height, stage.height, pan.y);
  return { left: x.begin, top: y.begin, width: x.size, height: y.size, pan: { x: x.moved, y: y.moved } };
}

/** Fires "change" when it goes from one way to the other. */
export class View extends EventTarget {
  constructor() {
    super();
    /** True at 1:1. */
    this.actual = false;
    /** @type {Point} */
    this.pan = { x: 0, y: 0 };
    /** Pixels of the largest picture that is made of the film. @type {Size | null} */
    this.picture = null;
    /** @type {HTMLElement | null} */
    this.stage = null;
    /** @type {Point | null} */
    this.pressed = null;
    this.dragged = false;
    this.resizer = new ResizeObserver(() => this.#lay());
  }

  /**
   * Take the stage with the two videos on it, once.
   * @param {HTMLElement} stage
   */
  attach(stage) {
    if (this.stage === stage) return;
    this.stage = stage;
    this.resizer.observe(stage);
    stage.addEventListener("pointerdown", (event) => this.#down(event));
    stage.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of /** @type {const} */ (["pointerup", "pointercancel"])) stage.addEventListener(end, () => (this.pressed = null));
    stage.addEventListener("click", (event) => this.#click(event), { capture: true });
  }

  /** @param {Size | null} picture */
  show(picture) {
    if (picture?.width === this.picture?.width && picture?.height === this.picture?.height) return;
    this.picture = picture;
    this.#lay();
  }

  /** @param {boolean} actual */
  set(actual) {
    this.actual = actual;
    this.pan = { x: 0, y: 0 };
    this.#lay();
    this.dispatchEvent(new Event("change"));
  }

  /**
   * Look at another part of the picture.
   * @param {number} right  -1, 0 or 1
   * @param {number} down
   */
  look(right, down) {
    const step = KEY_SHARE * Math.min(this.stage?.clientWidth ?? 0, this.stage?.clientHeight ?? 0);
    this.#panTo({ x: this.pan.x - right * step, y: this.pan.y - down * step });
  }

  /** @param {Point} pan */
  #panTo(pan) {
    if (!this.actual) return;
    this.pan = pan;
    this.#lay();
  }

  #lay() {
    const { stage, picture } = this;
    if (!stage) return;
    const place = this.actual && picture ? placed(picture, { width: stage.clientWidth, height: stage.clientHeight }, devicePixelRatio, this.pan) : null;
    if (place) this.pan = place.pan;
    stage.classList.toggle("actual", place !== null);
    for (const video of stage.querySelectorAll("video")) {
      for (const side of /** @type {const} */ (["left", "top", "width", "height"])) video.style[side] = place ? `${place[side]}px` : "";
    }
  }

  /** @param {PointerEvent} event */
  #down(event) {
    this.dragged = false;
    if (this.actual && event.button === 0) this.pressed = { x: event.clientX - this.pan.x, y: event.clientY - this.pan.y };
  }

  /** @param {PointerEvent} event */
  #move(event) {
    if (!this.pressed || !this.stage) return;
    const pan = { x: event.clientX - this.pressed.x, y: event.clientY - this.pressed.y };
    if (!this.dragged && Math.hypot(pan.x - this.pan.x, pan.y - this.pan.y) < CLICK_PX) return;
    if (!this.dragged) this.stage.setPointerCapture(event.pointerId);
    this.dragged = true;
    this.#panTo(pan);
  }

  /** The click that ends a drag is none. @param {Event} event */
  #click(event) {
    if (this.dragged) event.stopPropagation();
    this.dragged = false;
  }

  close() {
    this.resizer.disconnect();
  }
}
