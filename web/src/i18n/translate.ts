import { loadAgain } from "@/data/late";
import { type Particle, withParticle } from "./josa";
import type ko from "./ko.json";

export type Language = "ko" | "en";
export type Key = keyof typeof ko;

type Texts = Record<Key, string>;
const TEXTS: Partial<Record<Language, Texts>> = {};
const LOADERS: Record<Language, () => Promise<{ default: Texts }>> = {
  ko: () => import("./ko.json"),
  en: () => import("./en.json"),
};

/** Loads the texts of a language. A language is shown only after this. */
export async function loadLanguage(language: Language): Promise<void> {
  TEXTS[language] ??= (await loadAgain(LOADERS[language])).default;
}

const HOLE = /\{(\w+)(?::([^}]+))?\}/g;

/** A text cut at its holes: words, and the names of the values between them. */
export type Part = { text: string } | { name: string; particle: Particle | undefined };

export function parts(language: Language, key: Key): Part[] {
  const template: string = TEXTS[language]?.[key] ?? key;
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
