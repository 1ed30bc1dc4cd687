import { create } from "zustand";
import { type Language, loadLanguage } from "@/i18n/translate";

export type Theme = "system" | "light" | "dark";

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
  theme: stored<Theme>("tidings.theme", ["system", "light", "dark"]) ?? "system",
  language:
    stored<Language>("tidings.lang", ["ko", "en"]) ?? (navigator.language.startsWith("ko") ? "ko" : "en"),
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
