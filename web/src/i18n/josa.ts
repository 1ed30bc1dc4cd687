import { josa } from "es-hangul";

export type Particle = "을/를" | "이/가" | "과/와" | "은/는" | "으로/로";

const HANGUL_END = /[가-힣]$/u;

/** The particle that fits the last syllable, or none where no Korean syllable ends the word. */
export function particle(word: string, pair: Particle): string {
  if (!HANGUL_END.test(word)) return "";
  return josa.pick(word, pair as Parameters<typeof josa.pick>[1]);
}

/** A word that ends in a letter, digit or sign has no syllable to choose by; it is called a keyword instead. */
export function withParticle(word: string, pair: Particle): string {
  const fitting = particle(word, pair);
  return fitting ? fitting : ` 키워드${josa.pick("키워드", pair as Parameters<typeof josa.pick>[1])}`;
}
