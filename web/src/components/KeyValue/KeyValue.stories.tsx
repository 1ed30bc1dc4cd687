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
