import { loadAgain } from "@/data/late";
import type first from "./first.ko.json";
import type gaps from "./gaps.ko.json";
import { type Particle, withParticle } from "./josa";
import type ko from "./ko.json";
import type ops from "./ops.ko.json";

export type Language = "ko" | "en";
type EveryPage = Record<keyof typeof ko, string>;
export type Key = keyof (typeof ko & typeof first & typeof gaps & typeof ops);

type Texts = Partial<Record<Key, string>>;
const TEXTS: Record<Language, Texts> = { ko: {}, en: {} };
const LOADERS: Record<Language, () => Promise<{ default: EveryPage }>> = {
  ko: () => import("./ko.json"),
  en: () => import("./en.json"),
};

/** Adds texts of a language. Texts of one part of the app are added by a module that comes with that part. */
export function addTexts(language: Language, texts: Texts): void {
  Object.assign(TEXTS[language], texts);
}

/** Loads the texts of a language that every page needs. A language is shown only after this. */
export async function loadLanguage(language: Language): Promise<void> {
  addTexts(language, (await loadAgain(LOADERS[language])).default);
}

const HOLE = /\{(\w+)(?::([^}]+))?\}/g;

/** A text cut at its holes: words, and the names of the values between them. */
export type Part = { text: string } | { name: string; particle: Particle | undefined };

export function parts(language: Language, key: Key): Part[] {
  const template: string = TEXTS[language][key] ?? key;
  const result: Part[] = [];
  let end = 0;
  for (const match of template.matchAll(HOLE)) {
    if (match.index > end) result.push({ text: template.slice(end, match.index) });
    result.push({ name: match[1] ?? "", particle: match[2] as Particle | undefined });
    end = match.index + match[0].length;
  }
  if (end < template.length) result.push({ text: template.slice(end) });
  return result;
}

export type Values = Record<string, string | number>;

export function translate(language: Language, key: Key, values: Values = {}): string {
  return parts(language, key)
    .map((part) => {
      if ("text" in part) return part.text;
      const value = String(values[part.name] ?? "");
      return part.particle ? value + withParticle(value, part.particle) : value;
    })
    .join("");
}
