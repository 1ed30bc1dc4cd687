import { memo } from "react";
import type { Spike } from "@/data/types";
import { timesUsual } from "@/format/headline";
import { decimal, exact, multiple } from "@/format/numbers";
import { day, hour } from "@/format/time";
import { useLanguage, useT } from "@/i18n/I18n";
import { Button } from "../Button/Button";
import { Chip } from "../Chip/Chip";
import "./SpikeStrip.css";

/** Why the line rose, in facts that can be checked: the multiple, the counts, the words, the tweets. */
export const SpikeStrip = memo(function SpikeStrip({
  spike,
  ongoing,
  onWord,
  onTweets,
}: {
  spike: Spike;
  ongoing: boolean;
  onWord: (word: string) => void;
  onTweets: () => void;
}) {
  const t = useT();
  const language = useLanguage();
  const start = Date.parse(spike.start);
  const from = `${day(start, language)} ${hour(start, language)}`;
  const when = ongoing
    ? t("spike.since", { time: from })
    : t("spike.past", { from, to: hour(Date.parse(spike.end), language) });
  return (
    <article className="why" aria-label={t("spike.why")}>
      <div>
        <div className="lbl">{when}</div>
        <div className="big">
          <span className="why-x">{t("spike.times", { x: multiple(timesUsual(spike)) })}</span>
        </div>
        <div className="t2 why-c">
          {t("spike.count", { n: exact(spike.count), m: decimal(spike.expected) })}
        </div>
      </div>
      <div>
        <div className="lbl">{t("spike.words")}</div>
        <div className="chips">
          {spike.words.map((word) => (
            <Chip key={word} onClick={() => onWord(word)}>
              <span className="ell">{word}</span>
            </Chip>
          ))}
        </div>
      </div>
      <Button size="s" className="why-b" onClick={onTweets}>
        {t("spike.see", { n: exact(spike.count) })}
      </Button>
    </article>
  );
});
