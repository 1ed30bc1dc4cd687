import type { Meta, StoryObj } from "@storybook/react-vite";
import { ColourDot, Dot } from "./Dot";

const meta = { title: "Basics/Dot", component: Dot } satisfies Meta<typeof Dot>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Keyword: Story = { args: { keyword: "모루폰" } };
export const Again: Story = { args: { keyword: "wrenna quill" } };
export const Large: Story = { args: { keyword: "서리온", large: true } };
export const Palette: Story = {
  args: { keyword: "" },
  render: () => (
    <p className="row">
      {Array.from({ length: 10 }, (_, slot) => (
        <ColourDot key={slot} colour={`var(--k${slot + 1})`} large />
      ))}
    </p>
  ),
};
