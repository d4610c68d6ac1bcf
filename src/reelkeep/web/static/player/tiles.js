/** Tile sheets: small pictures of the film, many to a sheet, shown while scrubbing. Pure; no I/O. */

/**
 * @typedef {{columns: number, rows: number, widthPx: number, heightPx: number, framesPerTile: number,
 *   base: string}} Tiles
 */

/**
 * Read the layout that a playback session carries: tile `n` shows frame `n * interval_frames`, filled by rows.
 * @param {any} layout
 * @param {string} base  address of the playback session
 * @returns {Tiles | null}  null where the version has no sheets
 */
export function readTiles(layout, base) {
  if (!layout) return null;
  const tiles = {
    columns: Number(layout.columns),
    rows: Number(layout.rows),
    widthPx: Number(layout.tile_width_px),
    heightPx: Number(layout.tile_height_px),
    framesPerTile: Number(layout.interval_frames),
    base,
  };
  const whole = [tiles.columns, tiles.rows, tiles.widthPx, tiles.heightPx, tiles.framesPerTile];
  return whole.every((value) => value > 0) ? tiles : null;
}

/**
 * Where the picture nearest to a frame lies.
 * @param {Tiles} tiles
 * @param {number} frame
 * @returns {{url: string, xPx: number, yPx: number}}
 */
export function tileAt(tiles, frame) {
  const index = Math.floor(frame / tiles.framesPerTile);
  const perSheet = tiles.columns * tiles.rows;
  const sheet = Math.floor(index / perSheet);
  const place = index % perSheet;
  return {
    url: `${tiles.base}/tiles/${sheet}.jpg`,
    xPx: (place % tiles.columns) * tiles.widthPx,
    yPx: Math.floor(place / tiles.columns) * tiles.heightPx,
  };
}
