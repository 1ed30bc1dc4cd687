import type { Meta, StoryObj } from "@storybook/react-vite";
import { tweet } from "@/test/samples";
import { GoneTweet, Tweet } from "./Tweet";

const meta = { title: "Keyword/Tweet", component: Tweet } satisfies Meta<typeof Tweet>;
export default meta;
type Story = StoryObj<typeof meta>;

const base = { keyword: "모루폰", colour: "var(--k1)", onAuthor: () => undefined };
export const Typical: Story = { args: { ...base, tweet: tweet(4) } };
export const Fresh: Story = { args: { ...base, tweet: tweet(8), fresh: true } };
export const English: Story = { args: { ...base, tweet: tweet(2) } };
export const LongContent: Story = {
  args: { ...base, tweet: tweet(0, { text: "모루폰 ".repeat(2_000), author: { handle: "x".repeat(64) } }) },
};
export const Markup: Story = {
  args: {
    ...base,
    tweet: tweet(0, { text: "<b>모루폰</b> <script>alert(1)</script> &amp;", url: "javascript:alert(1)" }),
  },
};
export const RightToLeft: Story = {
  args: { ...base, tweet: tweet(0, { text: "مرحبا 모루폰 🦝🪿", lang: "ar" }) },
};
export const Deleted: Story = {
  args: { ...base, tweet: tweet(4) },
  render: () => <GoneTweet id="x:4" position={1} />,
};
export const Burst: Story = {
  args: {
    ...base,
    tweet: tweet(4, { metrics: { likes: 12_840_000, reposts: 984_120, replies: 41_208, quotes: 9_999 } }),
  },
};
