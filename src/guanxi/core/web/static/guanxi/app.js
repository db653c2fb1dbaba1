// Entry of all scripts. Every page works without them; they make it quick.
import "./offline.js"; // before glue, which explains what was not sent
import "./glue.js";
import "./ui.js";
import "./forms.js";
import "./days.js";
import "./place.js";
import "./keys.js";
import "./palette.js";
import "./list.js";
import "./inline.js";
import "./board.js";
import "./month.js";
import "./live.js";
import "./forms-care.js";
import "./record.js";
import "./tabs.js"; // after record, whose columns on a phone it opens
import "./presence.js";
import "./importing.js";
import "./reports.js";
import "./lines.js";
import "./push.js";
