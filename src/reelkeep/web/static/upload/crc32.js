/** CRC-32 (ISO 3309, the one of zip and S3), eight bytes a step, and the sum of two files put end to end. Pure; no I/O. */

const POLYNOMIAL = 0xedb88320;

/** Table `t`, entry `b`: the sum of byte `b` followed by `t` zero bytes. */
const TABLES = makeTables();

function makeTables() {
  const tables = Array.from({ length: 8 }, () => new Uint32Array(256));
  for (let byte = 0; byte < 256; byte += 1) {
    let sum = byte;
    for (let bit = 0; bit < 8; bit += 1) sum = sum & 1 ? (sum >>> 1) ^ POLYNOMIAL : sum >>> 1;
    tables[0][byte] = sum;
  }
  for (let table = 1; table < 8; table += 1) {
    for (let byte = 0; byte < 256; byte += 1) {
      const sum = tables[table - 1][byte];
      tables[table][byte] = (sum >>> 8) ^ tables[0][sum & 0xff];
    }
  }
  return tables;
}

/**
 * @param {Uint8Array} bytes
 * @param {number} [before]  the sum of the bytes before these
 * @returns {number} unsigned, 32 bits
 */
export function crc32(bytes, before = 0) {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  let sum = ~before;
  let at = 0;
  for (const end = bytes.length - (bytes.length % 8); at < end; at += 8) {
    const low = sum ^ (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24));
    sum =
      t7[low & 0xff] ^ t6[(low >>> 8) & 0xff] ^ t5[(low >>> 16) & 0xff] ^ t4[low >>> 24] ^
      t3[bytes[at + 4]] ^ t2[bytes[at + 5]] ^ t1[bytes[at + 6]] ^ t0[bytes[at + 7]];
  }
  for (; at < bytes.length; at += 1) sum = (sum >>> 8) ^ t0[(sum ^ bytes[at]) & 0xff];
  return ~sum >>> 0;
}

/**
 * The product of two polynomials over GF(2), modulo the CRC's, bits reversed as the CRC has them.
 * @param {number} a
 * @param {number} b
 */
function multiply(a, b) {
  let product = 0;
  let left = b;
  for (let bit = 31; bit >= 0; bit -= 1) {
    if ((a >>> bit) & 1) product ^= left;
    left = left & 1 ? (left >>> 1) ^ POLYNOMIAL : left >>> 1;
  }
  return product >>> 0;
}

/**
 * x to the power of 8 times `bytes`, modulo the CRC's polynomial.
 * @param {number} bytes
 */
function shiftBy(bytes) {
  let result = 0x80000000; // 1
  let power = 0x00800000; // x^8
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) result = multiply(power, result);
    power = multiply(power, power);
  }
  return result;
}

/**
 * The sum of two stretches of bytes end to end, from their own sums.
 * @param {number} first
 * @param {number} second
 * @param {number} secondBytes  how long the second stretch is
 */
export function combine(first, second, secondBytes) {
  return (multiply(shiftBy(secondBytes), first) ^ second) >>> 0;
}

/**
 * As S3 writes it: four bytes, highest first, in base64.
 * @param {number} sum
 */
export function base64Of(sum) {
  return btoa(String.fromCharCode(sum >>> 24, (sum >>> 16) & 0xff, (sum >>> 8) & 0xff, sum & 0xff));
}
