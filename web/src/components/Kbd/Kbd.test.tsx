import { renderStories } from "@/test/renderStories";
import * as stories from "./Kbd.stories";

renderStories(stories);
