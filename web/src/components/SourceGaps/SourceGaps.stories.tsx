import type { Meta, StoryObj } from "@storybook/react-vite";
import { gap, gaps } from "@/test/sourceSamples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { SourceGaps } from "./SourceGaps";

const meta = { title: "Operations/SourceGaps", component: SourceGaps } satisfies Meta<typeof SourceGaps>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { gaps } };
export const Empty: Story = { args: { gaps: [] } };
export const Burst: Story = { args: { gaps: Array.from({ length: 300 }, (_, index) => gap(index + 1)) } };
export const LongContent: Story = { args: { gaps: gaps.map((each) => ({ ...each, posts: 12_840_000 })) } };
export const Loading: Story = { args: { gaps }, render: showsLoading(160) };
export const Stale: Story = { args: { gaps }, decorators: [withStale] };
export const ErrorState: Story = { args: { gaps }, render: showsFailure };
