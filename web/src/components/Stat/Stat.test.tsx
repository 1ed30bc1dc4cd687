import { renderStories } from "@/test/renderStories";
import * as stories from "./Stat.stories";

renderStories(stories);
