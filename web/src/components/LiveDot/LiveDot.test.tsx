import { renderStories } from "@/test/renderStories";
import * as stories from "./LiveDot.stories";

renderStories(stories);
