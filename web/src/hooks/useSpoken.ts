import { useCalm } from "./useCalm";

/** Screen readers are told at most this often. */
const SPOKEN_EVERY_MS = 15_000;

/** A text for a live region. Silence comes at once, so that nothing outdated is read. */
export function useSpoken(text: string): string {
  const calm = useCalm(text, SPOKEN_EVERY_MS);
  return text === "" ? "" : calm;
}
