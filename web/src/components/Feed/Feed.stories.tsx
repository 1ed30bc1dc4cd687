import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD, tweet } from "@/test/samples";
import { Feed } from "./Feed";

const meta = { title: "Keyword/Feed", component: Feed } satisfies Meta<typeof Feed>;
export default meta;
type Story = StoryObj<typeof meta>;

const nothing = () => undefined;
const base = {
  tweets: Array.from({ length: 12 }, (_, n) => tweet(n)),
  keyword: "모루폰",
  colour: "var(--k1)",
  live: true,
  rate: "시간당 12건",
  onOlder: nothing,
  onAuthor: nothing,
  onHide: nothing,
};
export const Typical: Story = { args: base };
export const Loading: Story = { args: { ...base, tweets: undefined } };
export const Empty: Story = { args: { ...base, tweets: [] } };
export const NoMatch: Story = { args: { ...base, tweets: [], emptyText: "조건에 맞는 트윗이 없어요" } };
export const Disconnected: Story = { args: { ...base, stale: true } };
export const ErrorState: Story = {
  args: { ...base, tweets: undefined, error: "the server is busy", onRetry: nothing },
};
export const End: Story = { args: { ...base, end: "여기가 처음이에요. 11.25부터 모았어요." } };
export const Burst: Story = { args: { ...base, tweets: Array.from({ length: 3_000 }, (_, n) => tweet(n)) } };
export const Stale: Story = { args: { ...base, stale: true, rate: undefined } };
export const Past: Story = { args: { ...base, live: false } };
export const LongContent: Story = {
  args: {
    ...base,
    keyword: LONG_KEYWORD,
    tweets: [tweet(0, { text: LONG_KEYWORD.repeat(150), author: { handle: "x".repeat(64) } })],
  },
};
