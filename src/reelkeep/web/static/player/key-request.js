/** Which keys a lane asks for: all of the rungs it may play, in one request. Pure; no I/O. */

const COMMON_SYSTEM = [0x10, 0x77, 0xef, 0xec, 0xc0, 0xb2, 0x4d, 0x02, 0xac, 0xe3, 0x3c, 0x1e, 0x52, 0xe2, 0xfb, 0x4b];
const KEY_ID_BYTES = 16;

/**
 * The "pssh" box, version 1, of the common system (ISO/IEC 23001-7 section 8.1, W3C "cenc" initialization data).
 * @param {Iterable<string>} keyIds  32 hexadecimal digits each
 * @returns {Uint8Array}
 */
export function psshOf(keyIds) {
  const ids = [...keyIds];
  const box = new Uint8Array(32 + ids.length * KEY_ID_BYTES + 4);
  const view = new DataView(box.buffer);
  view.setUint32(0, box.length);
  view.setUint32(4, 0x70737368); // "pssh"
  view.setUint8(8, 1);
  box.set(COMMON_SYSTEM, 12);
  view.setUint32(28, ids.length);
  ids.forEach((id, index) => {
    for (let byte = 0; byte < KEY_ID_BYTES; byte += 1) box[32 + index * KEY_ID_BYTES + byte] = parseInt(id.slice(2 * byte, 2 * byte + 2), 16);
  });
  return box;
}

/**
 * Shaka's `drm.initDataTransform`. Rungs of one set may have keys of their own, by height, but Shaka asks for the
 * first rung's alone; the others would stay dark.
 * @param {Uint8Array} initData
 * @param {string} type
 * @param {{keySystem: string, keyIds?: Iterable<string>} | null} info
 */
export function askForAll(initData, type, info) {
  const ids = [...(info?.keyIds ?? [])];
  return type === "cenc" && info?.keySystem === "org.w3.clearkey" && ids.length > 0 ? psshOf(ids) : initData;
}
