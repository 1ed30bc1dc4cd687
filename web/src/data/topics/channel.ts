import type { ChannelLine, TopicName, TopicRequest } from "../types";
import { type TimelineState, timeline } from "./timeline";
import { type VolumeState, volume } from "./volume";
import { type WholeState, whole } from "./whole";

export type ChannelState = TimelineState | VolumeState | WholeState<object>;

/** A keyword, a topic and its parameters. The overview has no keyword. */
export interface Channel {
  keyword?: string | undefined;
  topic: TopicRequest;
}

const DEFAULTS: Record<TopicName, Record<string, string | number>> = {
  timeline: { limit: 50 },
  volume: { step: "hour", from: "", tz: "+00:00" },
  ledger: {},
  related: { window: "24h", limit: 50 },
  ranking: { by: "word", window: "24h", order: "top", limit: 20 },
  spikes: { from: "" },
  overview: { window: "24h" },
};

/** Lines name their parameters only when they are not the defaults, so both sides are filled up first. */
export function channelKey(keyword: string | undefined, topic: TopicName, parameters: object): string {
  const given = parameters as Record<string, unknown>;
  const values = Object.entries(DEFAULTS[topic]).map(([name, fallback]) => String(given[name] ?? fallback));
  return [keyword ?? "", topic, ...values].join("\u0000");
}

export const keyOf = (channel: Channel) => channelKey(channel.keyword, channel.topic.topic, channel.topic);
export const keyOfLine = (line: ChannelLine) =>
  channelKey("keyword" in line ? (line.keyword as string) : undefined, line.topic, line);

/** One pure reducer per topic; forgetting a topic here does not compile. */
export function reduce(state: ChannelState | undefined, line: ChannelLine): ChannelState | "gap" {
  switch (line.topic) {
    case "timeline":
      return timeline(state as TimelineState | undefined, line);
    case "volume":
      return volume(state as VolumeState | undefined, line);
    case "ranking":
    case "related":
    case "spikes":
    case "ledger":
    case "overview":
      return whole(state as WholeState<object> | undefined, line);
  }
}
