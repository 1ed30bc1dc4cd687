import { Dialog } from "@/components/Dialog/Dialog";
import { Kbd } from "@/components/Kbd/Kbd";
import { KeyValue } from "@/components/KeyValue/KeyValue";
import { setShortcuts, useShortcutsOn } from "@/hooks/useShortcut";
import { useT } from "@/i18n/I18n";
import type { Key } from "@/i18n/translate";
import { useUi } from "./ui";

const SHORTCUTS: readonly (readonly [Key, readonly string[]])[] = [
  ["nav.find", ["/"]],
  ["kw.add", ["N"]],
  ["kbd.nextprev", ["J", "K"]],
  ["kbd.new", ["."]],
  ["feed.pause", ["P"]],
  ["chart.table", ["T"]],
  ["win.label", ["1", "2", "3", "4"]],
  ["share.copy", ["⇧", "S"]],
  ["theme", ["⇧", "D"]],
];

export function HelpDialog() {
  const t = useT();
  const open = useUi((ui) => ui.help);
  const on = useShortcutsOn();
  return (
    <Dialog label={t("kbd.help")} open={open} onClose={() => useUi.setState({ help: false })}>
      <h2>{t("kbd.help")}</h2>
      <KeyValue
        rows={SHORTCUTS.map(([name, keys]) => [t(name), keys.map((key) => <Kbd key={key}>{key}</Kbd>)])}
      />
      <label className="row">
        <input type="checkbox" checked={on} onChange={(event) => setShortcuts(event.target.checked)} />
        {t("kbd.on")}
      </label>
    </Dialog>
  );
}
