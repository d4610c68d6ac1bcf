/** Holds all uploads of this page back to a number of bytes a second. */

export class Pace {
  constructor() {
    /** 0: as fast as it goes. */
    this.bytesPerSecond = 0;
    this.freeAt = 0;
  }

  /** @param {number} bytesPerSecond */
  limit(bytesPerSecond) {
    this.bytesPerSecond = bytesPerSecond;
    this.freeAt = 0;
  }

  /**
   * Book the bytes of a part and return how long to wait before it goes. A browser sends a part in one go, so the limit
   * holds over some parts, not within one.
   * @param {number} bytes
   * @param {number} now  milliseconds
   */
  waitMs(bytes, now) {
    if (this.bytesPerSecond <= 0) return 0;
    const begins = Math.max(now, this.freeAt);
    this.freeAt = begins + (bytes * 1000) / this.bytesPerSecond;
    return begins - now;
  }
}

export const pace = new Pace();
