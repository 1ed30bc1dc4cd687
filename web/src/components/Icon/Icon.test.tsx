import { renderStories } from "@/test/renderStories";
import * as stories from "./Icon.stories";

renderStories(stories);
