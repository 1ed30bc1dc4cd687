import { type KeyboardEvent, memo, useRef } from "react";
import type { TopItem } from "@/data/types";
import { compact, exact } from "@/format/numbers";
import { useFlip } from "@/hooks/useFlip";
import { useHeldOrder } from "@/hooks/useHeldOrder";
import { useLanguage, useT } from "@/i18n/I18n";
import { RankDelta } from "../Delta/Delta";
import { Empty } from "../Empty/Empty";
import "./RankList.css";

const keyOf = ({ key }: TopItem) => key;

function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (by === undefined) return;
  event.preventDefault();
  const buttons = [...event.currentTarget.querySelectorAll("button")];
  const next = buttons.indexOf(document.activeElement as HTMLButtonElement) + by;
  buttons[Math.min(buttons.length - 1, Math.max(0, next))]?.focus();
}

/** What comes up most, with the move since the window before. Choosing an entry filters the feed by it. */
export const RankList = memo(function RankList({
  items,
  colour,
  prefix = "",
  bars = true,
  label,
  onChoose,
}: {
  items: readonly TopItem[];
  colour: string;
  /** The sign that stands before a hashtag or a mention. */
  prefix?: string;
  bars?: boolean;
  label: string;
  onChoose: (key: string) => void;
}) {
  const t = useT();
  const language = useLanguage();
  const [shown, on] = useHeldOrder(items, keyOf);
  const list = useRef<HTMLOListElement>(null);
  useFlip(list, shown.map(keyOf).join("\n"));
  if (items.length === 0)
    return (
      <Empty icon="list" title={t("k.nowords")}>
        {t("k.nowords.body")}
      </Empty>
    );
  const max = Math.max(...items.map(({ count }) => count), 1);
  return (
    <ol
      ref={list}
      className={bars ? "rlist" : "rlist plain"}
      style={{ "--c": colour }}
      aria-label={label}
      {...on}
      onKeyDown={moveFocus}
    >
      {shown.map((item) => {
        const tie = items.some((other) => other.rank === item.rank - 1 && other.count === item.count);
        return (
          <li key={item.key} data-key={item.key}>
            <span className={tie ? "rk n tie" : "rk n"} title={tie ? t("rank.tie") : undefined}>
              {item.rank}
            </span>
            <button
              type="button"
              className="w ell"
              title={prefix + item.key}
              onClick={() => onChoose(item.key)}
            >
              {prefix}
              {item.key}
            </button>
            {bars ? (
              <span className="bar">
                <i style={{ width: `${(item.count / max) * 100}%` }} />
              </span>
            ) : null}
            <RankDelta places={item.change} />
            <span className="c n" title={exact(item.count)}>
              {compact(item.count, language)}
            </span>
          </li>
        );
      })}
    </ol>
  );
});
