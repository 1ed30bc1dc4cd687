import type { Meta, StoryObj } from "@storybook/react-vite";
import { Delta, RankDelta } from "./Delta";

const meta = { title: "Basics/Delta", component: Delta } satisfies Meta<typeof Delta>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Up: Story = { args: { change: { kind: "up", percent: 51 } } };
export const Down: Story = { args: { change: { kind: "down", percent: 7 } } };
export const Same: Story = { args: { change: { kind: "same" } } };
export const New: Story = { args: { change: { kind: "new" } } };
export const Far: Story = { args: { change: { kind: "up", percent: 1_040 } } };
export const Ranks: Story = {
  args: { change: { kind: "same" } },
  render: () => (
    <p className="row">
      <RankDelta places={3} />
      <RankDelta places={-2} />
      <RankDelta places={0} />
      <RankDelta places={120} />
      <RankDelta places={null} />
    </p>
  ),
};
