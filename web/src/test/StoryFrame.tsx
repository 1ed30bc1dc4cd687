import type { ReactNode } from "react";
import { MemoryRouter } from "react-router";
import { KeywordColours } from "@/components/Dot/Dot";
import { assignSlots } from "@/data/colours";
import { tokenOf } from "@/data/token";
import { LanguageProvider } from "@/i18n/I18n";
import type { Language } from "@/i18n/translate";
import { keywordNames } from "./samples";

const slots = assignSlots(keywordNames.map((keyword) => ({ keyword, token: tokenOf(keyword) })));

/** What a story stands in: a language, colours, a router, and a page's canvas. */
export function StoryFrame({
  theme = "light",
  language = "ko",
  children,
}: {
  theme?: "light" | "dark";
  language?: Language;
  children: ReactNode;
}) {
  document.documentElement.dataset.theme = theme;
  document.documentElement.lang = language;
  return (
    <LanguageProvider language={language}>
      <MemoryRouter>
        <KeywordColours value={slots}>
          <main style={{ padding: 24, maxWidth: 960 }}>{children}</main>
        </KeywordColours>
      </MemoryRouter>
    </LanguageProvider>
  );
}
