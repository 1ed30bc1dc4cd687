import type { Meta, StoryObj } from "@storybook/react-vite";
import { until, wave } from "@/test/samples";
import { showsFailure, showsLoading, withStale } from "@/test/states";
import { RateChart } from "./RateChart";

const meta = { title: "Charts/RateChart", component: RateChart } satisfies Meta<typeof RateChart>;
export default meta;
type Story = StoryObj<typeof meta>;

const rates = wave(60, 300).map((value, index) => ({ at: Date.parse(until) + index * 20_000, value }));
export const Typical: Story = { args: { rates, label: "초당 받은 기록" } };
export const Empty: Story = { args: { rates: [], label: "초당 받은 기록" } };
export const Stale: Story = { args: { rates, label: "초당 받은 기록" }, decorators: [withStale] };
export const Loading: Story = { args: { rates, label: "초당 받은 기록" }, render: showsLoading(160) };

export const Burst: Story = {
  args: {
    rates: rates.map((rate, index) => (index > 50 ? { ...rate, value: rate.value * 80 } : rate)),
    label: "초당 받은 기록",
  },
};
export const ErrorState: Story = { args: { rates, label: "초당 받은 기록" }, render: showsFailure };
