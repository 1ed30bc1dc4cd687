import type { SourceReport, SourceState as State } from "@/data/sources";
import { clock } from "@/format/time";
import { useT } from "@/i18n/I18n";
import { Badge, type BadgeTone } from "../Badge/Badge";
import type { IconName } from "../Icon/shapes";
import "@/i18n/ops";

const LOOKS: Record<State, { tone: BadgeTone; icon: IconName }> = {
  starting: { tone: "plain", icon: "play" },
  idle: { tone: "plain", icon: "pause" },
  connecting: { tone: "plain", icon: "globe" },
  live: { tone: "tide", icon: "pulse" },
  backing_off: { tone: "warn", icon: "clock" },
  backfilling: { tone: "tide", icon: "download" },
  capped: { tone: "warn", icon: "warning" },
  refused: { tone: "danger", icon: "warning" },
  stopped: { tone: "plain", icon: "close" },
  gone: { tone: "danger", icon: "offline" },
};

/** What a source does, in words, colour and shape. A source that waits says until when. */
export function SourceState({ state, retry_at }: Pick<SourceReport, "state" | "retry_at">) {
  const t = useT();
  const waits = (state === "backing_off" || state === "refused") && retry_at !== null;
  return (
    <Badge {...LOOKS[state]}>
      {waits ? t(`src.state.${state}.until`, { time: clock(Date.parse(retry_at)) }) : t(`src.state.${state}`)}
    </Badge>
  );
}
