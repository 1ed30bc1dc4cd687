import type { Meta, StoryObj } from "@storybook/react-vite";
import { KeyValue } from "./KeyValue";

const meta = { title: "Basics/KeyValue", component: KeyValue } satisfies Meta<typeof KeyValue>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = {
  args: {
    rows: [
      ["종류", "local"],
      ["순번", "275,429"],
    ],
  },
};
export const Empty: Story = {
  args: {
    rows: [
      ["종류", "–"],
      ["순번", "–"],
    ],
  },
};
export const LongContent: Story = {
  args: { rows: [["세대", "7d0c2a6be0f7a1c4".repeat(6)]] },
};
