import type { Meta, StoryObj } from "@storybook/react-vite";
import "../Chip/Chip.css";
import { Icon } from "./Icon";
import { type IconName, shapes } from "./shapes";

const meta = { title: "Basics/Icon", component: Icon } satisfies Meta<typeof Icon>;
export default meta;
type Story = StoryObj<typeof meta>;

export const All: Story = {
  args: { name: "plus" },
  render: () => (
    <ul className="chips">
      {Object.keys(shapes).map((name) => (
        <li key={name} className="chip">
          <Icon name={name as IconName} />
          {name}
        </li>
      ))}
    </ul>
  ),
};
