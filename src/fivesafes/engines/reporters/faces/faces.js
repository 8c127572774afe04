(() => {
  "use strict";
  const KEY = "fivesafes-deface-decisions";
  const fields = [...document.querySelectorAll("fieldset.decide")];
  const reviewer = document.getElementById("by");
  const button = document.getElementById("save");
  const told = document.getElementById("told");
  if (!button) return;

  // The tab remembers what was chosen, for reloading and for the way to another page and back; with the tab it is gone.
  let remembered = true;
  const kept = (() => {
    try { return JSON.parse(sessionStorage.getItem(KEY)) || {}; } catch { remembered = false; return {}; }
  })();
  const keep = () => {
    try { sessionStorage.setItem(KEY, JSON.stringify(kept)); } catch { remembered = false; }
  };

  const choice = (field) => field.querySelector("input[type=radio]:checked").value;
  const reason = (field) => field.querySelector("input[type=text]");
  const tell = (text, problem) => { told.textContent = text; told.className = problem ? "problem" : ""; };
  const count = () => {
    const decided = fields.filter((field) => choice(field)).length;
    const waiting = fields.filter((field) => "waits" in field.dataset && !choice(field)).length;
    tell(`${decided} decided, ${waiting} still waiting. Nothing is moved before the saved file is applied.`, false);
  };

  for (const field of fields) {
    const { image, sha256 } = field.dataset;
    const before = kept[sha256];
    if (before && before.image === image) {
      const value = before.decision === "reject" ? "reject" : "approve";
      field.querySelector(`input[type=radio][value=${value}]`).checked = true;
      reason(field).value = before.reason || "";
    }
    field.addEventListener("change", () => {
      const at = new Date().toISOString();
      if (choice(field)) kept[sha256] = { image, decision: choice(field), reason: reason(field).value, at };
      else delete kept[sha256];
      keep();
      count();
    });
  }
  reviewer.value = kept.by || "";
  reviewer.addEventListener("change", () => { kept.by = reviewer.value; keep(); });

  const stop = (input, text) => { tell(text, true); input.focus(); };
  button.addEventListener("click", () => {
    const by = reviewer.value.trim();
    const decided = fields.filter((field) => choice(field));
    if (!by) return stop(reviewer, "Give your name first: somebody must stand behind a decision.");
    if (!decided.length) return tell("Nothing is decided yet.", true);
    const silent = decided.find((field) => choice(field) === "reject" && !reason(field).value.trim());
    if (silent) return stop(reason(silent), `Say why ${silent.dataset.image} is rejected.`);
    const decisions = decided.map((field) => ({
      image: field.dataset.image,
      sha256: field.dataset.sha256,
      decision: choice(field),
      by,
      at: kept[field.dataset.sha256].at,
      reason: reason(field).value.trim(),
    }));
    const file = new Blob([JSON.stringify({ schema: 1, decisions }, null, 1) + "\n"], { type: "application/json" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = "deface-decisions.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    for (const field of decided) kept[field.dataset.sha256].saved = true;
    keep();
    return tell(`${decisions.length} saved as deface-decisions.json; now apply the file.`, false);
  });

  let inside = false;
  for (const link of document.querySelectorAll("a[href]")) link.addEventListener("click", () => { inside = true; });
  addEventListener("beforeunload", (event) => {
    const lost = fields.some((field) => choice(field) && !(kept[field.dataset.sha256] || {}).saved);
    if (lost && !(inside && remembered)) event.preventDefault();
  });
  count();
})();
