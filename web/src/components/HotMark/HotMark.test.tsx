import { renderStories } from "@/test/renderStories";
import * as stories from "./HotMark.stories";

renderStories(stories);
