import type { ReactNode } from "react";
import { Failed } from "@/components/Empty/Empty";
import { Skeleton } from "@/components/Skeleton/Skeleton";

/** States that a page gives its panels, for stories. */

/** Nothing has come for some seconds, or the connection is gone: marks lose their colour, text does not. */
export const withStale = (Story: () => ReactNode) => (
  <div className="stale">
    <Story />
  </div>
);
export const showsLoading = (height: number) => () => <Skeleton height={height} />;
export const showsFailure = () => <Failed detail="the server is busy" onRetry={() => undefined} />;
