import { renderStories } from "@/test/renderStories";
import * as stories from "./Toast.stories";

renderStories(stories);
