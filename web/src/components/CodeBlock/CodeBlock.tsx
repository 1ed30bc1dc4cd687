import { useT } from "@/i18n/I18n";
import { IconButton } from "../Button/Button";
import { toast } from "../Toast/Toast";
import "./CodeBlock.css";

/** A command to copy. Lines that begin with `#` are comments for the reader. */
export function CodeBlock({ text, label }: { text: string; label: string }) {
  const t = useT();
  const copy = async () => {
    await navigator.clipboard?.writeText(text);
    toast(t("first.copied"));
  };
  return (
    <div className="code" role="group" aria-label={label} tabIndex={0}>
      <IconButton icon="copy" kind="default" label={t("copy")} onClick={() => void copy()} />
      <code>
        {text.split("\n").map((line, index) => (
          <span key={index} className={line.startsWith("#") ? "cc" : undefined}>
            {line}
            {"\n"}
          </span>
        ))}
      </code>
    </div>
  );
}
