import { useQuery } from "@tanstack/react-query";
import { useRef } from "react";
import { readSources, SOURCES_KEY, type SourceReport } from "@/data/sources";
import { addSample, perSecond, type Sample } from "./rates";

const POLL_MS = 5_000;

export interface RatedReport {
  report: SourceReport;
  /** Records a second, once two reports are known. */
  rate: number | undefined;
}

/** The reports of all sources by name, asked for again every five seconds. */
export function useSources() {
  const { data, dataUpdatedAt, error, refetch } = useQuery({
    queryKey: SOURCES_KEY,
    queryFn: readSources,
    refetchInterval: POLL_MS,
    retry: false,
  });
  const samples = useRef(new Map<string, readonly Sample[]>());
  const sources = data?.sources.map((report): RatedReport => {
    const held = addSample(samples.current.get(report.name) ?? [], {
      at: dataUpdatedAt,
      received: report.received,
    });
    samples.current.set(report.name, held);
    return { report, rate: perSecond(held) };
  });
  return {
    sources: sources?.sort((a, b) => a.report.name.localeCompare(b.report.name)),
    error: error?.message,
    retry: () => void refetch(),
  };
}
