import type { Meta, StoryObj } from "@storybook/react-vite";
import "../Sidebar/Sidebar.css";
import { Shell } from "./Shell";

const meta = { title: "Shell/Shell", component: Shell } satisfies Meta<typeof Shell>;
export default meta;
type Story = StoryObj<typeof meta>;

export const Typical: Story = {
  args: {
    sidebar: <nav aria-label="tidings" className="side" />,
    drawer: null,
    drawerOpen: false,
    collapsed: false,
    onDrawerClose: () => undefined,
    children: <p>내용</p>,
  },
};
