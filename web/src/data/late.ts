/** The pauses between tries, together about a minute. The banner of the connection tells meanwhile that there is none. */
const PAUSES_MS = [500, 1_000, 2_000, 4_000, 8_000, 15_000, 30_000];

/** Loads a part of the code, again after a pause when the server does not answer. */
export async function loadAgain<Part>(
  load: () => Promise<Part>,
  pause: (ms: number) => Promise<void> = (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
): Promise<Part> {
  for (const ms of PAUSES_MS) {
    try {
      return await load();
    } catch {
      await pause(ms);
    }
  }
  return load();
}
