/** Which files of a folder are the frames of one film: the rules of the server's reelkeep.sequences. Pure; no I/O. */

const NAME = /^(.*?)(?<![0-9])([0-9]{1,9})\.([A-Za-z0-9]{2,4})$/s;
const VERSION = /(?:^|[^A-Za-z0-9])[vV]$/;
const KINDS = ["exr", "dpx", "png", "tif", "tiff", "jpg", "jpeg", "j2k", "j2c", "jp2"];
const MAX_FRAMES = 100_000;
const MAX_MISSING_IN_A_ROW = 1_000;

/** @typedef {{stem: string, digits: string, extension: string, number: number}} FrameName */

/**
 * A name taken apart; null for what cannot be a frame of a sequence.
 * @param {string} name
 * @returns {FrameName | null}
 */
export function frameName(name) {
  const found = NAME.exec(name);
  if (!found || !KINDS.includes(found[3].toLowerCase()) || VERSION.test(found[1])) return null;
  return { stem: found[1], digits: found[2], extension: found[3], number: Number(found[2]) };
}

/**
 * The name of a sequence: "shot.####.exr".
 * @param {FrameName} first
 * @param {FrameName} last
 */
export function patternName(first, last) {
  const marks = "#".repeat(first.digits.length === last.digits.length ? first.digits.length : 1);
  return `${first.stem}${marks}.${first.extension}`;
}

/**
 * Its extent: "1001-1048, 48 frames".
 * @param {number} first
 * @param {number} last
 * @param {number} files
 */
export function numbersText(first, last, files) {
  const count = (/** @type {number} */ value) => value.toLocaleString("en-US");
  const span = last - first + 1;
  return `${first}-${last}, ${files === span ? count(files) : `${count(files)} of ${count(span)}`} frames`;
}

/**
 * @template T
 * @typedef {{name: string, numbers: string, first: number, last: number, files: T[], twins: [T, T] | null}} Sequence
 */

/**
 * Sort the files of one folder into films, each in the order of its numbers, and the others.
 * @template {{name: string}} T
 * @param {T[]} files
 * @returns {{sequences: Sequence<T>[], others: T[]}}
 */
export function grouped(files) {
  /** @type {Map<string, {file: T, name: FrameName}[]>} */
  const families = new Map();
  for (const file of files) {
    const name = frameName(file.name);
    if (!name) continue;
    const family = `${name.stem}\0${name.extension}`;
    families.set(family, [...(families.get(family) ?? []), { file, name }]);
  }
  const sequences = [...families.values()].flatMap((members) => {
    members.sort((one, other) => one.name.number - other.name.number || (one.file.name < other.file.name ? -1 : 1));
    return isSequence(members.map(({ name }) => name.number)) ? [sequenceOf(members)] : [];
  });
  const taken = new Set(sequences.flatMap((sequence) => sequence.files));
  return { sequences, others: files.filter((file) => !taken.has(file)) };
}

/** @param {number[]} numbers  in order */
function isSequence(numbers) {
  if (numbers.length < 2 || numbers.length > MAX_FRAMES) return false;
  return numbers.every((number, place) => place === 0 || number - numbers[place - 1] - 1 <= MAX_MISSING_IN_A_ROW);
}

/**
 * @template {{name: string}} T
 * @param {{file: T, name: FrameName}[]} members  in order
 * @returns {Sequence<T>}
 */
function sequenceOf(members) {
  const first = members[0].name;
  const last = members[members.length - 1].name;
  const place = members.findIndex(({ name }, at) => at > 0 && name.number === members[at - 1].name.number);
  return {
    name: patternName(first, last),
    numbers: numbersText(first.number, last.number, members.length),
    first: first.number,
    last: last.number,
    files: members.map(({ file }) => file),
    twins: place < 0 ? null : [members[place - 1].file, members[place].file],
  };
}
