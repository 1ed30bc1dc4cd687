import { renderStories } from "@/test/renderStories";
import * as stories from "./Button.stories";

renderStories(stories);
