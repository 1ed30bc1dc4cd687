/** Pairs of particles: the first follows a final consonant, the second a vowel. */
export type Particle = "을/를" | "이/가" | "과/와" | "은/는" | "으로/로";

const FIRST_SYLLABLE = 0xac00;
const LAST_SYLLABLE = 0xd7a3;
const FINALS = 28;
/** The final consonant ㄹ, after which 로 stands without 으. */
const RIEUL = 8;

function choose(syllable: number, pair: Particle): string {
  const [afterConsonant = "", afterVowel = ""] = pair.split("/");
  const final = (syllable - FIRST_SYLLABLE) % FINALS;
  return final === 0 || (pair === "으로/로" && final === RIEUL) ? afterVowel : afterConsonant;
}

/**
 * The particle that fits the last syllable. A word that ends in a letter, digit or sign has no syllable to choose
 * by; it is called a keyword instead: "us airways 키워드를".
 */
export function withParticle(word: string, pair: Particle): string {
  const last = word.codePointAt(word.length - 1) ?? 0;
  if (last >= FIRST_SYLLABLE && last <= LAST_SYLLABLE) return choose(last, pair);
  return ` 키워드${pair.split("/")[1] ?? ""}`;
}
