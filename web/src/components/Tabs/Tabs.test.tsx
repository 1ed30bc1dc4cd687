import { renderStories } from "@/test/renderStories";
import * as stories from "./Tabs.stories";

renderStories(stories);
