import { multiple } from "@/format/numbers";
import { useLanguage, useT } from "@/i18n/I18n";
import "./HotMark.css";

/** Marks a keyword that is spiking. */
export function HotMark({ times }: { times: number }) {
  const t = useT();
  const korean = useLanguage() === "ko";
  const x = multiple(times);
  return (
    <span className="hotmark" title={t("spike.times", { x })}>
      <svg viewBox="0 0 8 8" aria-hidden="true">
        <path d="M4 1 7.6 7H.4z" />
      </svg>
      <span aria-hidden="true">{korean ? `${x}배` : `${x}×`}</span>
      <span className="sr">{t("spike.times", { x })}</span>
    </span>
  );
}
