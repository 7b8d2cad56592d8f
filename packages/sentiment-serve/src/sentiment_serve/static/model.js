// Model: what answers, how far it can be believed, what it has learned, and the versions before it.
const tabs = [...document.querySelectorAll('[role="tab"]')];
const [champion, calibration, terms, versions, reload, token, reloadSend, reloadState, rollback, rollbackNote] = [
  "champion", "calibration", "terms", "versions", "reload", "token", "reload-send", "reload-state", "rollback", "rollback-note",
].map(id => document.getElementById(id));

function select(tab) {
  for (const other of tabs) {
    const chosen = other === tab;
    other.setAttribute("aria-selected", String(chosen));
    other.tabIndex = chosen ? 0 : -1;
    document.getElementById(other.getAttribute("aria-controls")).hidden = !chosen;
  }
  const name = tab.getAttribute("aria-controls");
  history.replaceState(null, "", name === "try" ? location.pathname : `#${name}`);
  if (name === "model") showModel();
}

for (const tab of tabs) {
  tab.addEventListener("click", () => select(tab));
  tab.addEventListener("keydown", event => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    next.focus();
    select(next);
  });
}

function moment(text) {
  return text ? new Date(text).toLocaleString([], { dateStyle: "medium", timeStyle: "short" }) : "";
}

function figure(value) {
  return value === null || value === undefined ? "" : value.toFixed(3);
}

function list(rows) {
  return element("dl", rows.filter(([, value]) => value !== "").flatMap(
    ([name, value]) => [element("dt", name), element("dd", value)],
  ));
}

function showChampion(info, report, found) {
  const mine = found?.versions.find(version => version.version === info.version);
  const metrics = Object.entries(info.metrics).map(([name, value]) => [name.replace(/_/g, " "), figure(value)]);
  champion.replaceChildren(
    element("p", `Version ${info.version}`, "verdict"),
    list([
      ["Answers since", moment(info.loaded_at)],
      ["Decided", moment(mine?.decided_at)],
      ["Why", mine?.reason ?? ""],
      ["Challenger", info.challenger_version ? `version ${info.challenger_version}` : ""],
      ["Terms", `${report.n_terms.toLocaleString()}, of up to ${report.max_ngram} words`],
      ...metrics,
    ]),
    ...info.degraded.map(text => message(text, "error")),
  );
}

function svg(tag, attributes, content) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...[content ?? []].flat());
  return node;
}

/** The reliability diagram: predicted probability against observed share, on held-out texts. */
function showCalibration(points, label) {
  if (!points.length) {
    calibration.replaceChildren(element("p", "This version was trained by a release that did not record it.", "note"));
    return;
  }
  const [x, y] = [value => 40 + 240 * value, value => 250 - 240 * value];
  const ticks = [0, 0.5, 1].flatMap(value => [
    svg("text", { x: x(value), y: 266, "text-anchor": "middle" }, `${100 * value} %`),
    svg("text", { x: 36, y: y(value) + 4, "text-anchor": "end" }, `${100 * value} %`),
  ]);
  const path = points.map(point => `${x(point.predicted)},${y(point.observed)}`).join(" ");
  const said = points.map(point => `${Math.round(100 * point.predicted)} percent said, ${Math.round(100 * point.observed)} percent were`);
  calibration.replaceChildren(
    svg("svg", { viewBox: "0 0 300 290", role: "img", "aria-label": `${said.join("; ")} ${label}` }, [
      svg("path", { d: "M40 10V250H280", fill: "none", class: "axis" }),
      svg("path", { d: "M40 250L280 10", class: "ideal" }),
      svg("polyline", { points: path, class: "curve" }),
      ...points.map(point => svg("circle", { cx: x(point.predicted), cy: y(point.observed), r: 4, class: "point" })),
      ...ticks,
      svg("text", { x: 160, y: 284, "text-anchor": "middle" }, `predicted: ${label}`),
    ]),
    element("figcaption", `Of held-out texts: how often those were ${label} that the model said so of. On the dashed line, its probabilities are what they say.`, "note"),
  );
}

function showTerms(report) {
  const all = [...report.positive_terms, ...report.negative_terms];
  const most = largest(all.map(item => item.coefficient));
  terms.replaceChildren(...["positive", "negative"].map(side => element("div", [
    element("h3", `For ${report.labels[side]}`),
    element("p", report[`${side}_terms`].flatMap(item => [word(item.term, item.coefficient, most), " "]), "terms"),
  ])));
}

function showVersions({ ok, answer, detail }) {
  if (!ok) {
    versions.replaceChildren(message(detail, "note"));
    return;
  }
  const head = ["Version", "Trained", "Figure", "Alias", "Decision"];
  const rows = answer.versions.map(version => element("tr", [
    element("td", version.version),
    element("td", moment(version.created_at)),
    element("td", version.score === null ? "" : `${version.metric} ${figure(version.score)}`, "number"),
    element("td", version.aliases.flatMap(alias => [element("span", `@${alias}`, "tag"), " "])),
    element("td", version.verdict ? `${version.verdict}: ${version.reason}` : "none asked for"),
  ]));
  versions.replaceChildren(element("table", [
    element("thead", element("tr", head.map(title => {
      const cell = element("th", title, title === "Figure" ? "number" : "");
      cell.scope = "col";
      return cell;
    }))),
    element("tbody", rows),
  ]));
}

/** Roll back from the registry's champion: a damaged one is not what serves. */
async function showOrders(registry) {
  const { ok, answer } = await registry;
  const named = ok && answer.versions.find(version => version.aliases.includes("champion"));
  rollback.dataset.champion = named ? named.version : "";
  rollback.hidden = !named || !answer.can_roll_back;
  rollbackNote.hidden = !ok || answer.can_roll_back;
}

async function showModel() {
  // A registry without a server takes seconds: what is known is shown before.
  const registry = ask("model-versions");
  if (!versions.childElementCount) versions.replaceChildren(element("p", "Asking the registry …", "note"));
  const [info, report] = await Promise.all(["model-info", "model-report"].map(path => ask(path)));
  showOrders(registry);
  if (!info.ok || !report.ok) {
    champion.replaceChildren(message((info.ok ? report : info).detail, "error"));
    for (const part of [calibration, terms]) part.replaceChildren(element("p", "There is no model yet.", "note"));
    showVersions(await registry);
    return;
  }
  showChampion(info.answer, report.answer, null);
  showCalibration(report.answer.calibration, report.answer.labels.positive);
  showTerms(report.answer);
  const found = await registry;
  if (found.ok) showChampion(info.answer, report.answer, found.answer);
  showVersions(found);
}

/** One order at a time: what it led to is said below the buttons. */
async function order(button, meanwhile, path, content, outcome) {
  if ([reloadSend, rollback].some(other => other.getAttribute("aria-disabled") === "true")) return;
  button.setAttribute("aria-disabled", "true");
  reloadState.textContent = meanwhile;
  const { ok, answer, detail } = await ask(path, content, token.value);
  if (ok) await showModel();
  reloadState.textContent = ok ? outcome(answer) : detail;
  button.setAttribute("aria-disabled", "false");
}

reload.addEventListener("submit", event => {
  event.preventDefault();
  order(reloadSend, "", "admin/reload", {}, answer =>
    answer.reloaded ? `Version ${answer.version} answers now.` : `Version ${answer.version} answers, as before.`);
});

rollback.addEventListener("click", () => {
  // The version that is on the screen: if another one is champion by now, nothing happens.
  const shown = rollback.dataset.champion;
  if (!confirm(`Version ${shown} is the champion. Go back to the one before it?`)) return;
  order(rollback, "Going back …", "admin/rollback", { champion: shown }, answer =>
    `Version ${answer.champion} is the champion again, and no longer ${answer.former}.`);
});

if (location.hash === "#model") select(document.getElementById("tab-model"));
