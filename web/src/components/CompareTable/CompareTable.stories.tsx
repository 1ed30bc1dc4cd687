import type { Meta, StoryObj } from "@storybook/react-vite";
import { keywordNames, LONG_KEYWORD } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { CompareTable } from "./CompareTable";

const meta = { title: "Compare/CompareTable", component: CompareTable } satisfies Meta<typeof CompareTable>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = {
  args: {
    rows: keywordNames.slice(0, 4).map((keyword, index) => ({
      keyword,
      colour: `var(--k${index + 1})`,
      total: 1_788 - index * 200,
      before: 1_500,
      mean: 59.6,
      peak: "11.25 수 · 87",
    })),
  },
};
export const LongContent: Story = {
  args: {
    rows: [
      {
        keyword: LONG_KEYWORD,
        colour: "var(--k1)",
        total: 12_840_000,
        before: 1,
        mean: 1.5,
        peak: "11.25 수 · 12,840",
      },
    ],
  },
};
export const Stale: Story = { args: Typical.args, decorators: [withStale] };
export const Loading: Story = { args: Typical.args, render: showsLoading(220) };
export const ErrorState: Story = { args: Typical.args, render: showsFailure };

export const Burst: Story = {
  args: { rows: Typical.args?.rows?.map((row) => ({ ...row, total: row.total * 400 })) ?? [] },
};
export const Empty: Story = { args: { rows: [] } };
