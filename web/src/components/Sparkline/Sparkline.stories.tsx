import type { Meta, StoryObj } from "@storybook/react-vite";
import { wave } from "@/test/samples";
import { showsLoading, withStale } from "@/test/states";
import { Sparkline } from "./Sparkline";

const meta = { title: "Charts/Sparkline", component: Sparkline } satisfies Meta<typeof Sparkline>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = { args: { values: wave(24, 20), width: 104, height: 22, area: true } };
export const Smooth: Story = { args: { values: wave(24, 20), width: 46, height: 16, smooth: true } };
export const Flat: Story = { args: { values: Array(24).fill(0), width: 46, height: 16 } };
export const Stale: Story = { args: Typical.args, decorators: [withStale] };

export const Burst: Story = {
  args: {
    values: wave(24, 20).map((value, hour) => (hour === 23 ? value * 90 : value)),
    width: 104,
    height: 22,
  },
};
export const Loading: Story = { args: Typical.args, render: showsLoading(22) };
