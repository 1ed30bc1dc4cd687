import type { Meta, StoryObj } from "@storybook/react-vite";
import { keywordNames, LONG_KEYWORD, points, wave } from "@/test/samples";
import { namedGaps } from "@/test/sourceSamples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { gapMarks } from "../GapMarks/GapMarks";
import { CompareChart } from "./CompareChart";

const meta = { title: "Charts/CompareChart", component: CompareChart } satisfies Meta<typeof CompareChart>;
export default meta;
type Story = StoryObj<typeof meta>;

const names = keywordNames.slice(0, 4);
const lines = (count: number, length = 30) =>
  keywordNames.slice(0, count).map((name, slot) => ({
    name,
    slot,
    colour: `var(--k${(slot % 10) + 1})`,
    values: wave(length, 40 - slot * 3, slot * 2),
  }));
const times = points(30, 1, 864e5).map(({ at }) => Date.parse(at));
const base = { lines: lines(names.length), times, step: "day", open: true } as const;
export const Typical: Story = { args: base };
export const TenSeries: Story = { args: { ...base, lines: lines(10) } };
export const Shares: Story = { args: { ...base, unit: "%" } };
export const AsTable: Story = { args: { ...base, table: true } };
const hours = points(24).map(({ at }) => Date.parse(at));
export const Gaps: Story = {
  args: { ...base, lines: lines(4, 24), times: hours, step: "hour", gaps: gapMarks(namedGaps) },
};
export const Stale: Story = { args: base, decorators: [withStale] };
export const Loading: Story = { args: base, render: showsLoading(304) };
export const ErrorState: Story = { args: base, render: showsFailure };

export const Burst: Story = {
  args: {
    ...base,
    lines: base.lines.map((line) => ({
      ...line,
      values: line.values.map((value, index) => (index > 27 ? value * 60 : value)),
    })),
  },
};
export const Empty: Story = {
  args: { ...base, lines: base.lines.map((line) => ({ ...line, values: line.values.map(() => 0) })) },
};
export const LongContent: Story = {
  args: { ...base, lines: base.lines.map((line) => ({ ...line, name: LONG_KEYWORD + line.name })) },
};
