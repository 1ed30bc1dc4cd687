import type { Meta, StoryObj } from "@storybook/react-vite";
import { overview } from "@/test/samples";
import { LatestTweets } from "./LatestTweets";

const meta = { title: "Overview/LatestTweets", component: LatestTweets } satisfies Meta<typeof LatestTweets>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { tweets: overview.latest } };
export const Empty: Story = { args: { tweets: [] } };
