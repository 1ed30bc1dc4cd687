import type { Meta, StoryObj } from "@storybook/react-vite";
import { keywordNames, LONG_KEYWORD } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { Donut } from "./Donut";

const meta = { title: "Charts/Donut", component: Donut } satisfies Meta<typeof Donut>;
export default meta;
type Story = StoryObj<typeof meta>;

const slices = keywordNames
  .slice(0, 6)
  .map((name, index) => ({ name, colour: `var(--k${index + 1})`, count: 140 - index * 18 }));
export const Typical: Story = { args: { slices, total: 559 } };
export const VeryLarge: Story = { args: { slices, total: 1_284_000 } };
export const Empty: Story = { args: { slices: [], total: 0 } };
export const LongContent: Story = {
  args: { slices: [{ name: LONG_KEYWORD, colour: "var(--k1)", count: 9 }], total: 9 },
};
export const Stale: Story = { args: { slices, total: 559 }, decorators: [withStale] };
export const Loading: Story = { args: { slices, total: 559 }, render: showsLoading(176) };
export const ErrorState: Story = { args: { slices, total: 559 }, render: showsFailure };

export const Burst: Story = {
  args: {
    slices: slices.map((slice, index) => (index === 0 ? { ...slice, count: 90_000 } : slice)),
    total: 90_419,
  },
};
