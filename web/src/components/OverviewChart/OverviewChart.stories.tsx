import type { Meta, StoryObj } from "@storybook/react-vite";
import { keywordNames, LONG_KEYWORD, until, wave } from "@/test/samples";
import { namedGaps } from "@/test/sourceSamples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { gapMarks } from "../GapMarks/GapMarks";
import { OverviewChart } from "./OverviewChart";

const meta = { title: "Charts/OverviewChart", component: OverviewChart } satisfies Meta<typeof OverviewChart>;
export default meta;
type Story = StoryObj<typeof meta>;

const series = keywordNames
  .slice(0, 6)
  .map((name, index) => ({ name, colour: `var(--k${index + 1})`, values: wave(24, 20 - index * 2, index) }));
const base = { series, window: "24h", until, mode: "stack" } as const;
const chart: Story["render"] = (args) => (
  <div style={{ height: 320, display: "flex" }}>
    <OverviewChart {...args} />
  </div>
);
export const Typical: Story = { args: base, render: chart };
export const Lines: Story = { args: { ...base, mode: "lines" }, render: chart };
export const Empty: Story = {
  args: { ...base, series: series.map((each) => ({ ...each, values: Array(24).fill(0) })) },
  render: chart,
};
export const Burst: Story = {
  args: {
    ...base,
    series: series.map((each) => ({
      ...each,
      values: each.values.map((value, index) => (index === 20 ? value * 90 : value)),
    })),
  },
  render: chart,
};
export const Month: Story = { args: { ...base, window: "30d" }, render: chart };
export const AsTable: Story = { args: { ...base, table: true } };
export const Gaps: Story = { args: { ...base, gaps: gapMarks(namedGaps) }, render: chart };
export const Stale: Story = { args: base, render: chart, decorators: [withStale] };
export const Loading: Story = { args: base, render: showsLoading(300) };
export const ErrorState: Story = { args: base, render: showsFailure };

export const LongContent: Story = {
  args: { ...base, series: series.map((each) => ({ ...each, name: LONG_KEYWORD + each.name })), table: true },
};
