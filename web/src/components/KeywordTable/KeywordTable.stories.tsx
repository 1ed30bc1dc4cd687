import type { Meta, StoryObj } from "@storybook/react-vite";
import { keyword, keywords, LONG_KEYWORD } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { KeywordTable } from "./KeywordTable";

const meta = { title: "Overview/KeywordTable", component: KeywordTable } satisfies Meta<typeof KeywordTable>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { keywords } };
export const LongContent: Story = {
  args: {
    keywords: [
      keyword(LONG_KEYWORD, 1, { count: 12_840_000, change: 140 }),
      keyword("مرحبا", 2),
      keyword("🦝🪿", 3, { previous: 0, previous_rank: null, change: null }),
    ],
  },
};
export const Empty: Story = { args: { keywords: [] } };
export const Stale: Story = { args: { keywords }, decorators: [withStale] };
export const Loading: Story = { args: { keywords }, render: showsLoading(420) };
export const ErrorState: Story = { args: { keywords }, render: showsFailure };

export const Burst: Story = {
  args: {
    keywords: keywords.map((row, index) => ({
      ...row,
      count: row.count * 900,
      spark: row.spark.map((value, hour) => (hour === 23 ? value * 40 : value)),
      change: index === 0 ? 11 : -1,
    })),
  },
};
