import { createContext, Fragment, type ReactNode, useContext, useMemo } from "react";
import { withParticle } from "./josa";
import { type Key, type Language, parts, translate, type Values } from "./translate";

const LanguageContext = createContext<Language>("ko");

export function LanguageProvider({ language, children }: { language: Language; children: ReactNode }) {
  return <LanguageContext value={language}>{children}</LanguageContext>;
}

export const useLanguage = () => useContext(LanguageContext);

export type Translate = (key: Key, values?: Values) => string;

export function useT(): Translate {
  const language = useLanguage();
  return useMemo(() => (key, values) => translate(language, key, values), [language]);
}

/** A value of a text that is more than its word: a link or a coloured figure. */
export interface RichValue {
  word: string;
  node: ReactNode;
}

/** A text whose values may be elements; particles follow the word inside. */
export function Text({ k, values }: { k: Key; values: Record<string, RichValue | string | number> }) {
  const language = useLanguage();
  return parts(language, k).map((part, index) => {
    if ("text" in part) return <Fragment key={index}>{part.text}</Fragment>;
    const value = values[part.name] ?? "";
    const word = typeof value === "object" ? value.word : String(value);
    return (
      <Fragment key={index}>
        {typeof value === "object" ? value.node : word}
        {part.particle ? withParticle(word, part.particle) : null}
      </Fragment>
    );
  });
}
