import { renderStories } from "@/test/renderStories";
import * as stories from "./TopBar.stories";

renderStories(stories);
