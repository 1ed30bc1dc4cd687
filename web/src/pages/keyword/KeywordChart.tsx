import { useLayoutEffect, useRef, useState } from "react";
import { IconButton } from "@/components/Button/Button";
import { Card } from "@/components/Card/Card";
import { Chip } from "@/components/Chip/Chip";
import { CsvButton, type CsvTable } from "@/components/CsvButton/CsvButton";
import { Failed } from "@/components/Empty/Empty";
import { PictureButton } from "@/components/PictureButton/PictureButton";
import { Segmented } from "@/components/Segmented/Segmented";
import { Skeleton } from "@/components/Skeleton/Skeleton";
import { SpikeStrip } from "@/components/SpikeStrip/SpikeStrip";
import { VolumeChart } from "@/components/VolumeChart/VolumeChart";
import type { Spike, Step, Window } from "@/data/types";
import { isOngoing } from "@/format/headline";
import { isoLocal } from "@/format/time";
import { useShortcut } from "@/hooks/useShortcut";
import { useT } from "@/i18n/I18n";
import type { Stretch } from "./range";
import { STEPS } from "./range";
import type { useKeywordChart } from "./useKeywordChart";

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

/** Whether the reader is at something that stands below the chart. */
function isReadBelow(): boolean {
  const card = document.querySelector(".k-chart");
  const page = card?.closest("main");
  if (!card || !page) return false;
  return [...page.querySelectorAll(":hover, :focus-visible")].some(
    (element) =>
      (card.compareDocumentPosition(element) & Node.DOCUMENT_POSITION_FOLLOWING) !== 0 &&
      !card.contains(element),
  );
}

/**
 * Which spike has its strip open. One that comes later pushes down what stands below, so it waits behind a chip while
 * someone reads there.
 */
function useStrip(start: string | undefined, loaded: boolean) {
  const [opened, open] = useState<string | undefined>(undefined);
  const first = useRef(true);
  useLayoutEffect(() => {
    if (start !== undefined && (first.current || !isReadBelow())) open(start);
    if (loaded) first.current = false;
  }, [start, loaded]);
  return [opened, open] as const;
}

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
  const [table, setTable] = useState(false);
  useShortcut("t", () => setTable((now) => !now));
  const { points, data, step, zoom, previous, error, open } = chart;
  const start = points?.[0] ? Date.parse(points[0].at) : 0;
  const end = data ? Date.parse(data.until) : 0;
  const shown = (spikes ?? NO_SPIKES).filter(
    (spike) => Date.parse(spike.end) > start && Date.parse(spike.start) < end,
  );
  const chosen =
    stretch &&
    shown.find((spike) => Date.parse(spike.start) <= stretch.from && Date.parse(spike.end) >= stretch.to);
  const spike = chosen ?? shown.at(-1);
  const [opened, openStrip] = useStrip(spike?.start, points !== undefined && spikes !== undefined);
  const strip = spike && (chosen || opened === spike.start);
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
          {spike && !strip ? (
            <Chip tone="rise" icon="up" onClick={() => openStrip(spike.start)}>
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
            win={t(`win.${window}`)}
            at={at}
          />
          <CsvButton panel="volume" keyword={keyword} table={series} />
        </>
      }
      footer={
        spike && strip ? (
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
        />
      ) : (
        <Skeleton height={248} />
      )}
    </Card>
  );
}
