import { useMemo } from "react";
import type { GapState, SourceGap } from "@/data/sources";
import { exact } from "@/format/numbers";
import { absolute, dayAndTime } from "@/format/time";
import { useLanguage, useT } from "@/i18n/I18n";
import { Badge, type BadgeTone } from "../Badge/Badge";
import type { IconName } from "../Icon/shapes";
import { type Column, Table } from "../Table/Table";
import "@/i18n/gaps";
import "@/i18n/ops";
import "./SourceGaps.css";

const SHOWN = 6;

const LOOKS: Record<GapState, { tone: BadgeTone; icon: IconName }> = {
  open: { tone: "warn", icon: "warning" },
  filling: { tone: "warn", icon: "clock" },
  filled: { tone: "tide", icon: "check" },
  lost: { tone: "danger", icon: "close" },
};

const keyOf = ({ gap }: SourceGap) => String(gap);

/** The gaps of one source, the newest first. */
export function SourceGaps({ gaps }: { gaps: readonly SourceGap[] }) {
  const rows = useMemo(() => [...gaps].sort((a, b) => b.gap - a.gap), [gaps]);
  return <Table className="source-gaps" columns={useColumns()} rows={rows} keyOf={keyOf} max={SHOWN} />;
}

function useColumns(): readonly Column<SourceGap>[] {
  const t = useT();
  const language = useLanguage();
  return useMemo(() => {
    const time = (at: string | null) => (at === null ? t("gap.now") : dayAndTime(Date.parse(at), language));
    const title = (at: string | null) => (at === null ? undefined : absolute(Date.parse(at), language));
    return [
      {
        id: "from",
        head: t("src.from"),
        title: ({ from }) => title(from),
        cell: ({ from, to }) => (
          <>
            {time(from)}
            <span className="source-gap-to">–{time(to)}</span>
          </>
        ),
      },
      {
        id: "to",
        head: t("src.to"),
        wideOnly: true,
        title: ({ to }) => title(to),
        cell: ({ to }) => time(to),
      },
      { id: "cause", head: t("src.cause"), cell: ({ cause }) => t(`gap.cause.${cause}`) },
      {
        id: "state",
        head: t("src.state"),
        cell: ({ state }) => <Badge {...LOOKS[state]}>{t(`gap.state.${state}`)}</Badge>,
      },
      {
        id: "posts",
        head: t("src.posts.filled"),
        number: true,
        wideOnly: true,
        watched: ({ posts }) => posts,
        cell: ({ posts }) => exact(posts),
      },
    ];
  }, [t, language]);
}
