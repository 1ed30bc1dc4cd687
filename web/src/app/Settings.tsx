import { IconButton } from "@/components/Button/Button";
import { Menu } from "@/components/Menu/Menu";
import { useShortcut } from "@/hooks/useShortcut";
import { useT } from "@/i18n/I18n";
import { setLanguage, setTheme, useUi } from "./ui";

/** Language and theme. */
export function Settings() {
  const t = useT();
  const theme = useUi((ui) => ui.theme);
  const language = useUi((ui) => ui.language);
  useShortcut("D", () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));
  return (
    <>
      <Menu
        label={t("lang")}
        trigger={<IconButton icon="globe" label={t("lang")} />}
        entries={[
          { text: t("lang.ko"), checked: language === "ko", onSelect: () => void setLanguage("ko") },
          { text: t("lang.en"), checked: language === "en", onSelect: () => void setLanguage("en") },
        ]}
      />
      <Menu
        label={t("theme")}
        trigger={<IconButton icon="moon" label={t("theme")} />}
        entries={[
          { text: t("theme.system"), checked: theme === "system", onSelect: () => setTheme("system") },
          { text: t("theme.light"), checked: theme === "light", onSelect: () => setTheme("light") },
          { text: t("theme.dark"), checked: theme === "dark", onSelect: () => setTheme("dark") },
        ]}
      />
    </>
  );
}
