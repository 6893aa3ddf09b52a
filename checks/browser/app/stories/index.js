// Every promise, and how it is kept.

import { elsewhere } from "./elsewhere.js";
import { looks } from "./looks.js";
import { offline } from "./offline.js";
import { refresh } from "./refresh.js";
import { tabs } from "./tabs.js";
import { visit } from "./visit.js";

export const stories = { ...visit, ...offline, ...elsewhere, ...refresh, ...tabs, ...looks };
