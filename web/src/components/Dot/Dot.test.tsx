import { renderStories } from "@/test/renderStories";
import * as stories from "./Dot.stories";

renderStories(stories);
