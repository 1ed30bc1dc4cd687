import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD, overview, spikeOf, until } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { SpikeList } from "./SpikeList";

const meta = { title: "Overview/SpikeList", component: SpikeList } satisfies Meta<typeof SpikeList>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { spikes: overview.spikes ?? [], until } };
export const None: Story = { args: { spikes: [], until } };
export const Stale: Story = { args: { spikes: overview.spikes ?? [], until }, decorators: [withStale] };
export const Loading: Story = { args: { spikes: overview.spikes ?? [], until }, render: showsLoading(160) };
export const ErrorState: Story = { args: { spikes: overview.spikes ?? [], until }, render: showsFailure };

export const Burst: Story = {
  args: { spikes: (overview.spikes ?? []).map((each) => ({ ...each, count: 128_400 })), until },
};
export const LongContent: Story = { args: { spikes: [spikeOf(LONG_KEYWORD)], until } };
