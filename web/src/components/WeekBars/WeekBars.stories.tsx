import type { Meta, StoryObj } from "@storybook/react-vite";
import { keywordNames, LONG_KEYWORD } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { WeekBars } from "./WeekBars";

const meta = { title: "Charts/WeekBars", component: WeekBars } satisfies Meta<typeof WeekBars>;
export default meta;
type Story = StoryObj<typeof meta>;

const group = (name: string, by: number) => ({
  name,
  bars: keywordNames
    .slice(0, 4)
    .map((each, slot) => ({ name: each, colour: `var(--k${slot + 1})`, count: 380 - slot * 60 + by * 40 })),
});
export const Typical: Story = {
  args: {
    label: "주별 합계",
    groups: [
      group("10.29–11.4", 0),
      group("11.5–11.11", 1),
      group("11.12–11.18", 2),
      group("11.19–11.25", 3),
    ],
  },
  render: (args) => (
    <div style={{ height: 240, display: "flex" }}>
      <WeekBars {...args} />
    </div>
  ),
};
export const Stale: Story = {
  args: Typical.args,
  render: (args) => (
    <div style={{ height: 240, display: "flex" }}>
      <WeekBars {...args} />
    </div>
  ),
  decorators: [withStale],
};
export const Loading: Story = { args: Typical.args, render: showsLoading(200) };
export const Empty: Story = { args: { label: "주별 합계", groups: [] }, render: Typical.render };
export const Burst: Story = {
  args: { label: "주별 합계", groups: [group("11.12–11.18", 0), group("11.19–11.25", 9_000)] },
  render: Typical.render,
};
export const LongContent: Story = {
  args: {
    label: "주별 합계",
    groups: [
      {
        name: "2026.10.29 (수) – 2026.11.25 (수)",
        bars: Array.from({ length: 10 }, (_, slot) => ({
          name: LONG_KEYWORD + slot,
          colour: `var(--k${slot + 1})`,
          count: 12_840_000 - slot * 900_000,
        })),
      },
    ],
  },
  render: Typical.render,
};
export const ErrorState: Story = { args: Typical.args, render: showsFailure };
