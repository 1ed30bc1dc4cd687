import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD, overview, tweet } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { LatestTweets } from "./LatestTweets";

const meta = { title: "Overview/LatestTweets", component: LatestTweets } satisfies Meta<typeof LatestTweets>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { tweets: overview.latest } };
export const Empty: Story = { args: { tweets: [] } };
export const Stale: Story = { args: { tweets: overview.latest }, decorators: [withStale] };
export const Loading: Story = { args: { tweets: overview.latest }, render: showsLoading(420) };
export const ErrorState: Story = { args: { tweets: overview.latest }, render: showsFailure };

export const Burst: Story = {
  args: { tweets: Array.from({ length: 40 }, (_, n) => ({ ...tweet(n), keyword: "모루폰" })) },
};
export const LongContent: Story = {
  args: {
    tweets: [
      {
        ...tweet(0, { text: LONG_KEYWORD.repeat(40), author: { handle: "x".repeat(64) } }),
        keyword: LONG_KEYWORD,
      },
    ],
  },
};
