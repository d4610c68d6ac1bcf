/** What went wrong, as whole sentences: what the server says may begin small and end without a full stop. Pure; no I/O. */

import { ApiError } from "./api.js";

/**
 * @param {string} text
 * @returns {string}
 */
export function sentence(text) {
  const trimmed = text.trim();
  if (!trimmed) return "";
  const begun = trimmed[0].toUpperCase() + trimmed.slice(1);
  return /[.!?…]$/.test(begun) ? begun : `${begun}.`;
}

/**
 * Turn anything that was thrown into two sentences: what happened, what to do.
 * @param {unknown} problem
 * @returns {{message: string, advice: string}}
 */
export function words(problem) {
  if (problem instanceof ApiError) return { message: sentence(problem.message), advice: sentence(problem.advice) };
  return { message: sentence(problem instanceof Error ? problem.message : String(problem)), advice: "Load the page again." };
}

/**
 * The same in one line.
 * @param {unknown} problem
 */
export function wordsInOne(problem) {
  const { message, advice } = words(problem);
  return `${message} ${advice}`.trim();
}
