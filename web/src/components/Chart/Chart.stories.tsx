import type { Meta, StoryObj } from "@storybook/react-vite";
import { LONG_KEYWORD, wave } from "@/test/samples";
import { ChartTable } from "./ChartTable";
import { Tooltip } from "./Tooltip";

const meta = { title: "Charts/ChartTable", component: ChartTable } satisfies Meta<typeof ChartTable>;
export default meta;
type Story = StoryObj<typeof meta>;

const times = Array.from({ length: 24 }, (_, n) => `11월 25일 ${n}시`);
export const Typical: Story = {
  args: {
    times,
    columns: [
      { name: "트윗", values: wave(24, 20) },
      { name: "지난주", values: wave(24, 18, 3) },
    ],
  },
};
export const Empty: Story = { args: { times: [], columns: [{ name: "트윗", values: [] }] } };
export const LongContent: Story = {
  args: { times, columns: [{ name: LONG_KEYWORD, values: times.map(() => 12_840_000) }] },
};
export const Tip: Story = {
  args: Typical.args,
  render: () => (
    <div className="chart" style={{ height: 120 }}>
      <Tooltip x={40} y={8} width={600}>
        <div className="m">11월 25일 22시</div>
        <div className="r">
          <span>트윗</span>
          <b>1,204</b>
        </div>
      </Tooltip>
    </div>
  ),
};
