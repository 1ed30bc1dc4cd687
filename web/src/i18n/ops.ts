import en from "./ops.en.json";
import ko from "./ops.ko.json";
import { addTexts } from "./translate";

/** The texts of the page of operations, which come with it. */
addTexts("ko", ko);
addTexts("en", en);
