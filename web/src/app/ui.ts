import { create } from "zustand";
import { type Language, loadLanguage } from "@/i18n/translate";

export type Theme = "system" | "light" | "dark";
const THEMES: readonly Theme[] = ["system", "light", "dark"];
const LANGUAGES: readonly Language[] = ["ko", "en"];

function stored<T extends string>(key: string, allowed: readonly T[]): T | undefined {
  try {
    const value = localStorage.getItem(key);
    return allowed.find((each) => each === value);
  } catch {
    return undefined;
  }
}

function store(key: string, value: string): void {
  try {
    localStorage.setItem(key, value);
  } catch {
    // A browser that keeps nothing still shows the page.
  }
}

interface Ui {
  theme: Theme;
  language: Language;
  drawer: boolean;
  palette: "find" | "add" | undefined;
  help: boolean;
  collapsed: boolean;
}

export const useUi = create<Ui>(() => ({
  theme: stored("tidings.theme", THEMES) ?? "system",
  language: stored("tidings.lang", LANGUAGES) ?? (navigator.language.startsWith("ko") ? "ko" : "en"),
  drawer: false,
  palette: undefined,
  help: false,
  collapsed: false,
}));

const dark = () => matchMedia("(prefers-color-scheme: dark)");

/** Writes theme and language to the document, as boot.js did before the first paint. */
export function applyUi({ theme, language }: Pick<Ui, "theme" | "language">): void {
  const root = document.documentElement;
  root.dataset.theme = theme === "system" ? (dark().matches ? "dark" : "light") : theme;
  root.lang = language;
}

dark().addEventListener("change", () => applyUi(useUi.getState()));

// Paper is light. Charts read their colours again before the page is printed (`UPlot`).
addEventListener("beforeprint", () => {
  document.documentElement.dataset.theme = "light";
});
addEventListener("afterprint", () => applyUi(useUi.getState()));

// What is chosen in one tab reaches the others.
addEventListener("storage", ({ key, newValue }) => {
  const { theme, language } = useUi.getState();
  if (key === "tidings.theme") setTheme(THEMES.find((each) => each === newValue) ?? theme);
  if (key === "tidings.lang") void setLanguage(LANGUAGES.find((each) => each === newValue) ?? language);
});

export function setTheme(theme: Theme): void {
  store("tidings.theme", theme);
  useUi.setState({ theme });
  applyUi(useUi.getState());
}

export async function setLanguage(language: Language): Promise<void> {
  store("tidings.lang", language);
  await loadLanguage(language);
  useUi.setState({ language });
  applyUi(useUi.getState());
}
