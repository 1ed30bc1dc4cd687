import type { components as api } from "./api/schema";
import type { components as live } from "./live/schema";

type Api = api["schemas"];
type Frame = live["schemas"];

export type Tweet = Api["Tweet"];
export type TweetOfKeyword = Api["TweetOfKeyword"];
export type Metrics = Api["Metrics"];
export type Overview = Api["Overview"];
export type KeywordCount = Overview["keywords"][number];
export type Keywords = Api["Keywords"];
export type KeywordRow = Keywords["keywords"][number];
export type Ledger = Api["Ledger"];
export type Timeline = Api["Timeline"];
export type Ranking = Api["Ranking"];
export type TopItem = Api["TopItem"];
export type Related = Api["Related"];
export type Spike = Api["Spike"];
export type SpikeOfKeyword = Api["SpikeOfKeyword"];
export type Comparison = Api["Comparison"];
export type Point = Api["Point"];
export type Volume = Api["Volume"];
export type VolumePoint = Api["VolumePoint"];
export type Readiness = Api["Readiness"];
export type Problem = Api["Problem"];
export type Shard = Api["Shard"];

export type Window = Overview["window"];
export type Step = Volume["step"];
export type RankingBy = Ranking["by"];
export type RankingOrder = Ranking["order"];

export const WINDOWS: readonly Window[] = ["1h", "24h", "7d", "30d"];
export const WINDOW_MS: Record<Window, number> = {
  "1h": 36e5,
  "24h": 864e5,
  "7d": 7 * 864e5,
  "30d": 30 * 864e5,
};
export const STEP_MS: Record<Step, number> = { minute: 6e4, hour: 36e5, day: 864e5 };

/** Lines that belong to a channel. */
export type TimelineLine = Frame["TimelineSnapshot"] | Frame["TimelineUpdate"];
export type VolumeLine = Frame["VolumeSnapshot"] | Frame["VolumeUpdate"];
export type WholeLine =
  | Frame["RankingSnapshot"]
  | Frame["RankingUpdate"]
  | Frame["RelatedSnapshot"]
  | Frame["RelatedUpdate"]
  | Frame["SpikesSnapshot"]
  | Frame["SpikesUpdate"]
  | Frame["LedgerSnapshot"]
  | Frame["LedgerUpdate"]
  | Frame["OverviewSnapshot"]
  | Frame["OverviewUpdate"];
export type ChannelLine = TimelineLine | VolumeLine | WholeLine;
export type ErrorLine = Frame["Error"];
export type Line = ChannelLine | ErrorLine | Frame["Subscribed"] | Frame["Pong"];

export type TopicName = ChannelLine["topic"];
export type TopicRequest = Exclude<Frame["Topic"], string>;
export type Since = Frame["Position"];
