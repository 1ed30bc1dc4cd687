import { useRef, useState } from "react";
import { IconButton } from "@/components/Button/Button";
import { Card } from "@/components/Card/Card";
import { Chip } from "@/components/Chip/Chip";
import { CsvButton, type CsvTable } from "@/components/CsvButton/CsvButton";
import { Failed } from "@/components/Empty/Empty";
import { PictureButton } from "@/components/PictureButton/PictureButton";
import { Segmented } from "@/components/Segmented/Segmented";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { SpikeStrip } from "@/components/SpikeStrip/SpikeStrip";
import { stretchText } from "@/components/VolumeChart/bucket";
import { VolumeChart } from "@/components/VolumeChart/VolumeChart";
import { useMoment } from "@/data/live/context";
import type { Spike, Step, Window } from "@/data/types";
import { isOngoing } from "@/format/headline";
import { isoLocal } from "@/format/time";
import { useGaps } from "@/hooks/useGaps";
import { useShortcut } from "@/hooks/useShortcut";
import { useLanguage, useT } from "@/i18n/I18n";
import type { Stretch } from "./range";
import { STEPS } from "./range";
import type { useKeywordChart } from "./useKeywordChart";
import { useStrip } from "./useStrip";

interface Props {
  keyword: string;
  colour: string;
  window: Window;
  at: string | undefined;
  chart: ReturnType<typeof useKeywordChart>;
  /** Nothing while they are loaded. */
  spikes: readonly Spike[] | undefined;
  stretch: Stretch | undefined;
  onStep: (step: Step) => void;
  onStretch: (stretch: Stretch | undefined) => void;
  onWord: (word: string) => void;
}

const NO_SPIKES: readonly Spike[] = [];

/** The main chart with its step, its spikes, and the strip that explains the newest of them. */
export function KeywordChart({
  keyword,
  colour,
  window,
  at,
  chart,
  spikes,
  stretch,
  onStep,
  onStretch,
  onWord,
}: Props) {
  const t = useT();
  const language = useLanguage();
  const moment = useMoment(at);
  const [table, setTable] = useState(false);
  useShortcut("t", () => setTable((now) => !now));
  const { points, data, step, zoom, previous, error, open } = chart;
  // While another channel loads, the strip stays with the stretch that was shown last.
  const span = useRef({ start: 0, end: 0 });
  if (points?.[0] && data) span.current = { start: Date.parse(points[0].at), end: Date.parse(data.until) };
  const { start, end } = span.current;
  const shown = (spikes ?? NO_SPIKES).filter(
    (spike) => Date.parse(spike.end) > start && Date.parse(spike.start) < end,
  );
  const chosen =
    stretch &&
    shown.find((spike) => Date.parse(spike.start) <= stretch.from && Date.parse(spike.end) >= stretch.to);
  const gaps = useGaps();
  const strip = useStrip(shown, chosen, points !== undefined && spikes !== undefined);
  const { spike, waiting } = strip;
  const steps = STEPS[window].map((value) => ({ value, label: t(`step.${value}`) }));
  const series = (): CsvTable => [
    [t("chart.time"), t("col.tweets"), ...(previous ? [t("k.prevline")] : [])],
    (points ?? []).map(({ at, count }, index) => [
      isoLocal(Date.parse(at)),
      count,
      ...(previous ? [previous[index] ?? null] : []),
    ]),
  ];
  return (
    <Card
      className="k-chart"
      title={t("k.volume")}
      legend={
        <ul className="legend hide-s k-legend">
          <li>
            <i className="ln" style={{ "--c": colour }} />
            {t("k.thisperiod", { win: t(`win.${window}`) })}
          </li>
          {previous ? (
            <li>
              <i className="ln dash" />
              {t("k.prevline")}
            </li>
          ) : null}
        </ul>
      }
      actions={
        <>
          {waiting ? (
            <Chip tone="rise" icon="up" onClick={() => strip.open(waiting.start)}>
              {t("spike")}
            </Chip>
          ) : null}
          {zoom ? (
            <button type="button" className="btn sm" onClick={() => onStretch(undefined)}>
              {t("chart.reset")}
            </button>
          ) : steps.length > 1 ? (
            <Segmented small label={t("step.label")} value={step} options={steps} onChange={onStep} />
          ) : null}
          <IconButton
            icon="table"
            label={t("chart.table")}
            aria-pressed={table}
            onClick={() => setTable(!table)}
          />
          <PictureButton
            panel="volume"
            keyword={keyword}
            subject={keyword}
            win={zoom ? stretchText(zoom.from, zoom.to, step, language) : t(`win.${window}`)}
            moment={moment}
          />
          <CsvButton panel="volume" keyword={keyword} table={series} />
        </>
      }
      footer={
        spike ? (
          <SpikeStrip
            spike={spike}
            ongoing={isOngoing(spike, new Date().toISOString())}
            onWord={onWord}
            onTweets={() => onStretch({ from: Date.parse(spike.start), to: Date.parse(spike.end) })}
          />
        ) : null
      }
    >
      {error ? (
        <Failed detail={error} />
      ) : points && data ? (
        <>
          <VolumeChart
            points={points}
            step={step}
            until={data.until}
            previous={previous}
            spikes={shown}
            colour={colour}
            open={open}
            selected={zoom ? undefined : stretch}
            table={table}
            onBucket={(from, to) => onStretch({ from, to })}
            onZoom={(from, to) => onStretch({ from, to })}
            onReset={() => onStretch(undefined)}
            gaps={gaps}
          />
          {gaps?.list(start, end)}
        </>
      ) : (
        <Skeleton height={248} />
      )}
    </Card>
  );
}
