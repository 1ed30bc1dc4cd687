import { useQuery } from "@tanstack/react-query";
import { useEffect, useMemo, useState } from "react";
import type { GapMarks } from "@/components/GapMarks/GapMarks";
import { loadAgain } from "@/data/late";
import { gapsOf, readSources, SOURCES_KEY } from "@/data/sources";

type Kit = typeof import("@/components/GapMarks/GapMarks");

const POLL_MS = 15_000;

/** Marks of the gaps of all sources, for the charts. They are loaded once there is a gap. */
export function useGaps(): GapMarks | undefined {
  const { data } = useQuery({
    queryKey: SOURCES_KEY,
    queryFn: readSources,
    select: gapsOf,
    refetchInterval: POLL_MS,
    retry: false,
  });
  const gaps = data?.length ? data : undefined;
  const [kit, setKit] = useState<Kit>();
  const some = gaps !== undefined;
  useEffect(() => {
    if (some) void loadAgain(() => import("@/components/GapMarks/GapMarks")).then(setKit);
  }, [some]);
  return useMemo(() => (kit && gaps ? kit.gapMarks(gaps) : undefined), [kit, gaps]);
}
