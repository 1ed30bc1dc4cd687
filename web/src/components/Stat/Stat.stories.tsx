import type { Meta, StoryObj } from "@storybook/react-vite";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { Stat } from "./Stat";

const meta = { title: "Basics/Stat", component: Stat } satisfies Meta<typeof Stat>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = {
  args: { value: 559, unit: "건", change: { kind: "up", percent: 51 }, compared: "그 전 24시간 369건" },
};
export const Empty: Story = { args: { value: 0, unit: "건", change: { kind: "same" } } };
export const Burst: Story = { args: { value: 2_346, unit: "건", change: { kind: "up", percent: 1_240 } } };
export const VeryLarge: Story = { args: { value: 12_840_000, unit: "tweets" } };
export const NothingBefore: Story = { args: { value: 12, unit: "건", change: { kind: "new" } } };
export const Stale: Story = { args: Typical.args, decorators: [withStale] };
export const Loading: Story = { args: Typical.args, render: showsLoading(64) };
export const ErrorState: Story = { args: Typical.args, render: showsFailure };
