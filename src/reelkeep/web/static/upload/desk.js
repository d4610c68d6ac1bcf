/** Gathers what many small files ask of the platform at about the same time into calls of up to a hundred. */

/** `ingest.batches.MAX_FILES` */
const MOST = 100;

/**
 * @template Item, Answer
 * @typedef {{item: Item, resolve: (answer: Answer) => void, reject: (problem: unknown) => void}} Asking
 */

/**
 * @template Item, Answer
 */
export class Desk {
  /**
   * @param {(productionId: string, items: Item[]) => Promise<Answer[]>} send  answers in the same order
   * @param {() => number} lingerMs  how long the first one waits for others
   */
  constructor(send, lingerMs) {
    this.send = send;
    this.lingerMs = lingerMs;
    /** @type {Map<string, Asking<Item, Answer>[]>} */
    this.lines = new Map();
  }

  /**
   * @param {string} productionId
   * @param {Item} item
   * @returns {Promise<Answer>}  rejected with whatever the whole call failed with
   */
  ask(productionId, item) {
    return new Promise((resolve, reject) => {
      const line = this.lines.get(productionId) ?? [];
      line.push({ item, resolve, reject });
      this.lines.set(productionId, line);
      if (line.length === MOST) this.#call(productionId, line);
      else if (line.length === 1) setTimeout(() => this.#call(productionId, line), this.lingerMs());
    });
  }

  /**
   * @param {string} productionId
   * @param {Asking<Item, Answer>[]} line
   */
  async #call(productionId, line) {
    if (this.lines.get(productionId) !== line) return; // it was full before its time
    this.lines.delete(productionId);
    try {
      const answers = await this.send(productionId, line.map(({ item }) => item));
      line.forEach(({ resolve }, place) => resolve(answers[place]));
    } catch (problem) {
      for (const { reject } of line) reject(problem);
    }
  }
}
