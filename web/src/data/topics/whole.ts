import type { WholeLine } from "../types";
import { type Position, positionOf, verdict } from "./position";

/** Topics whose every line is the whole answer: ranking, related, spikes, ledger, overview. */
export interface WholeState<T> extends Position {
  answer: T;
  partial: boolean;
}

const LISTS: Record<WholeLine["topic"], readonly string[]> = {
  ranking: ["items"],
  related: ["nodes", "links"],
  spikes: ["spikes"],
  ledger: [],
  overview: ["latest", "spikes", "keywords"],
};

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** Joins the lists of two parts; all other members are the same in both. */
function joined(topic: WholeLine["topic"], first: object, next: object): object {
  const result: Record<string, unknown> = { ...next };
  const before = first as Record<string, unknown>;
  for (const name of LISTS[topic]) {
    if (name in result || name in before) result[name] = [...list(before[name]), ...list(result[name])];
  }
  return result;
}

export function whole<T extends object>(
  state: WholeState<T> | undefined,
  line: WholeLine,
): WholeState<T> | "gap" {
  const action = verdict(state, line);
  if (action === "gap") return "gap";
  if (action === "ignore" && state) return state;
  const partial = "more" in line && line.more === true;
  const content = state?.partial ? joined(line.topic, state.answer, line) : line;
  // The line has every field of the GET's answer, beside its own.
  return { ...positionOf(line), answer: content as unknown as T, partial };
}
