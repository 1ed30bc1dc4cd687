import { ApiError } from "./api/client";
import type { Readiness } from "./types";

/** An answer of `readyz`, whether it says ready or not. */
export type Ready = Partial<Omit<Readiness, "status">> & { status: string };

export const READY_KEY = ["readyz"] as const;

export async function readReady(): Promise<Ready> {
  const response = await fetch("/readyz");
  const body: unknown = await response.json();
  if (typeof body !== "object" || body === null) throw new ApiError(response.status, undefined, undefined);
  const answer = body as Ready & { state?: string };
  return { ...answer, status: response.ok ? answer.status : (answer.state ?? "starting") };
}
