import type { Meta, StoryObj } from "@storybook/react-vite";
import { points, spike, until, wave } from "@/test/samples";
import { namedGaps } from "@/test/sourceSamples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { gapMarks } from "../GapMarks/GapMarks";
import { VolumeChart } from "./VolumeChart";

const meta = { title: "Charts/VolumeChart", component: VolumeChart } satisfies Meta<typeof VolumeChart>;
export default meta;
type Story = StoryObj<typeof meta>;

const nothing = () => undefined;
const base = {
  points: points(168),
  step: "hour",
  until,
  spikes: [],
  colour: "var(--k1)",
  open: true,
  onBucket: nothing,
  onZoom: nothing,
  onReset: nothing,
} as const;
export const Typical: Story = { args: { ...base, spikes: [spike()], previous: wave(168, 9, 3) } };
export const Burst: Story = {
  args: {
    ...base,
    points: base.points.map((point, index) => ({
      ...point,
      count: index > 160 ? point.count * 40 : point.count,
    })),
    spikes: [spike({ count: 4_000 })],
  },
};
export const Empty: Story = {
  args: { ...base, points: base.points.map((point) => ({ ...point, count: 0 })) },
};
export const BucketChosen: Story = {
  args: {
    ...base,
    selected: { from: Date.parse("2026-11-24T03:00:00Z"), to: Date.parse("2026-11-24T04:00:00Z") },
  },
};
export const Days: Story = { args: { ...base, points: points(30, 400, 864e5), step: "day" } };
export const AsTable: Story = { args: { ...base, table: true } };
const gaps = gapMarks(namedGaps);
export const Gaps: Story = { args: { ...base, points: points(24), gaps } };
export const GapsAsTable: Story = { args: { ...base, points: points(24), gaps, table: true } };
export const Stale: Story = { args: base, decorators: [withStale] };
export const Loading: Story = { args: base, render: showsLoading(268) };
export const ErrorState: Story = { args: base, render: showsFailure };

export const Disconnected: Story = { args: { ...base, open: false }, decorators: [withStale] };
export const LongContent: Story = { args: { ...base, points: points(2_000, 90_000, 6e4), step: "minute" } };
