import { renderStories } from "@/test/renderStories";
import * as stories from "./Dialog.stories";

renderStories(stories);
