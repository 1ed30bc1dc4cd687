import type { Meta, StoryObj } from "@storybook/react-vite";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { ShardLag } from "./ShardLag";

const meta = { title: "Operations/ShardLag", component: ShardLag } satisfies Meta<typeof ShardLag>;
export default meta;
type Story = StoryObj<typeof meta>;

const shards = (lags: number[], stalled = -1) =>
  lags.map((lag, shard) => ({ shard, lag, position: 100 - lag, stalled: shard === stalled }));
export const Typical: Story = { args: { shards: shards(Array(16).fill(0)) } };
export const Behind: Story = {
  args: { shards: shards(Array.from({ length: 16 }, (_, shard) => (shard === 9 ? 118 : 0))) },
};
export const Stalled: Story = {
  args: {
    shards: shards(
      Array.from({ length: 16 }, (_, shard) => (shard === 9 ? 4_118 : 0)),
      9,
    ),
  },
};
export const Stale: Story = { args: { shards: shards(Array(16).fill(0)) }, decorators: [withStale] };
export const Loading: Story = { args: { shards: shards(Array(16).fill(0)) }, render: showsLoading(100) };
export const ErrorState: Story = { args: { shards: shards(Array(16).fill(0)) }, render: showsFailure };

export const Burst: Story = {
  args: { shards: shards(Array.from({ length: 16 }, (_, shard) => 40_000 + shard * 900)) },
};
export const Empty: Story = { args: { shards: [] } };
