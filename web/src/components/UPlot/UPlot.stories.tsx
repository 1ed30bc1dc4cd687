import type { Meta, StoryObj } from "@storybook/react-vite";
import type uPlot from "uplot";
import { wave } from "@/test/samples";
import { withStale } from "@/test/states";
import { UPlot } from "./UPlot";

const meta = { title: "Charts/UPlot", component: UPlot } satisfies Meta<typeof UPlot>;
export default meta;
type Story = StoryObj<typeof meta>;

const times = Array.from({ length: 48 }, (_, n) => 1_764_000_000 + n * 3_600);
const frame: Story["render"] = (args) => (
  <div className="chart" style={{ height: 200 }}>
    <UPlot {...args} />
  </div>
);
const base = {
  data: [times, wave(48, 20)] as uPlot.AlignedData,
  version: "",
  options: (_: HTMLElement, width: number, height: number): uPlot.Options => ({
    width,
    height,
    series: [{}, { stroke: "#2367e0" }],
  }),
};
export const Typical: Story = { args: base, render: frame };
export const Empty: Story = { args: { ...base, data: [[], []] }, render: frame };
export const Stale: Story = { args: base, render: frame, decorators: [withStale] };
