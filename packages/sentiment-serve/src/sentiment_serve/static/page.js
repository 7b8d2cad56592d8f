// Try: a text, its label, and the words that made it. What the other view uses too: element, message,
// word, largest, ask.
const RETRY_MILLISECONDS = 3000;

const [form, text, send, summary, feedback, feedbackState, details, words, version] = [
  "form", "text", "send", "summary", "feedback", "feedback-state", "details", "words", "version",
].map(id => document.getElementById(id));
const thumbs = [...document.querySelectorAll(".thumb")];
const ready = summary.firstElementChild;
let answered = null;
let names = { negative: "negative", positive: "positive" };
let noModel = null;

function element(tag, content, className) {
  const node = document.createElement(tag);
  node.append(...[content ?? []].flat());
  if (className) node.className = className;
  return node;
}

/** Text with `commands` in backticks, as an API's message has them. */
function message(detail, className) {
  const parts = detail.split("`");
  return element("p", parts.map((part, i) => (i % 2 ? element("code", part) : part)), className);
}

function meter(answer, percent) {
  const bar = element("div");
  bar.style.width = `${100 * answer.confidence}%`;
  const node = element("div", bar, "meter");
  node.dataset.sentiment = answer.sentiment;
  const attributes = {
    role: "meter", "aria-label": "Confidence", "aria-valuemin": 0, "aria-valuemax": 100,
    "aria-valuenow": percent, "aria-valuetext": `${percent} percent ${names[answer.sentiment]}`,
  };
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function word(content, contribution, strongest) {
  const span = element("span", content, "word");
  const strength = Math.abs(contribution) / strongest;
  if (strength > 0.05) {
    span.classList.add(contribution > 0 ? "positive" : "negative");
    span.style.setProperty("--strength", (0.08 + 0.37 * strength).toFixed(2));
  }
  span.title = `${contribution >= 0 ? "+" : ""}${contribution.toFixed(3)} towards ${names.positive}`;
  span.dataset.contribution = contribution;
  return span;
}

function largest(contributions) {
  return contributions.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-9);
}

function showSummary(answer) {
  // Rounded down: a model is never 100 % sure.
  const percent = (Math.floor(1000 * answer.confidence) / 10).toFixed(1);
  if (answer.low_information) {
    summary.replaceChildren(
      element("p", "The model knows too few of these words", "verdict"),
      element("p", `Its answer says little: ${names[answer.sentiment]}, ${percent} %.`),
    );
    return;
  }
  const verdict = element("p", `${names[answer.sentiment]}, ${percent} % sure`, "verdict");
  verdict.dataset.sentiment = answer.sentiment;
  const most = largest(answer.strongest_words.map(item => item.contribution));
  const sides = ["positive", "negative"].map(side => {
    const items = answer.strongest_words.filter(item => item.contribution > 0 === (side === "positive"));
    const list = items.flatMap(item => [" ", word(item.word, item.contribution, most)]);
    return list.length ? element("p", [`Strongest for ${names[side]}:`, ...list], "strongest") : "";
  });
  summary.replaceChildren(verdict, meter(answer, percent), ...sides);
}

function showDetails(answer) {
  const most = largest(answer.words.map(item => item.contribution));
  words.replaceChildren(
    ...answer.words.flatMap(item => [word(item.word, item.contribution, most), " "]),
  );
  words.scrollTop = 0;
  version.textContent = `Model version ${answer.model_version}.`;
}

function showFeedback(enabled, state = "", pressed = null) {
  for (const thumb of thumbs) {
    thumb.setAttribute("aria-disabled", String(!enabled));
    thumb.setAttribute("aria-pressed", String(thumb === pressed));
  }
  feedbackState.textContent = state;
}

function show(answer, requestId) {
  answered = { requestId, sentiment: answer.sentiment };
  if (answer.labels) names = answer.labels;
  for (const node of document.querySelectorAll("[data-class]")) {
    node.textContent = names[node.dataset.class];
  }
  showSummary(answer);
  showDetails(answer);
  showFeedback(true);
  feedback.hidden = answer.low_information === true;
  details.hidden = answer.low_information === true;
  summary.scrollIntoView({ block: "nearest" });
}

function showError(detail) {
  answered = null;
  feedback.hidden = details.hidden = true;
  summary.replaceChildren(message(detail, "error"));
  summary.scrollIntoView({ block: "nearest" });
}

/** Returns the status, the id of the request, and what the API says, also where that is no JSON. */
async function ask(path, body, token) {
  const options = body && {
    method: "POST",
    headers: { "Content-Type": "application/json", ...(token && { Authorization: `Bearer ${token}` }) },
    body: JSON.stringify(body),
  };
  try {
    const response = await fetch(path, options);
    const answer = await response.json().catch(() => ({}));
    const detail = answer.detail ?? `The API answered with status ${response.status}.`;
    return { status: response.status, ok: response.ok, answer, detail, requestId: response.headers.get("X-Request-ID") };
  } catch {
    return { status: 0, ok: false, answer: {}, detail: "The API does not answer." };
  }
}

form.addEventListener("submit", async event => {
  event.preventDefault();
  // Not `disabled`, which would take the focus away from those who use the keyboard.
  if (send.getAttribute("aria-disabled") === "true") return;
  send.setAttribute("aria-disabled", "true");
  const { status, ok, answer, detail, requestId } = await ask("explain", { text: text.value });
  text.setAttribute("aria-invalid", String(status === 422));
  if (ok) show(answer, requestId);
  else showError(detail);
  send.setAttribute("aria-disabled", "false");
});

text.addEventListener("keydown", event => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
});

for (const example of document.querySelectorAll(".example")) {
  example.addEventListener("click", () => {
    text.value = example.textContent;
    form.requestSubmit();
  });
}

for (const thumb of thumbs) {
  thumb.addEventListener("click", async () => {
    if (thumb.getAttribute("aria-disabled") === "true") return;
    const { requestId, sentiment } = answered;
    const other = sentiment === "positive" ? "negative" : "positive";
    const label = thumb.dataset.right === "true" ? sentiment : other;
    showFeedback(false, "", thumb);
    const { status, ok, detail } = await ask("feedback", { request_id: requestId, sentiment: label });
    if (answered?.requestId !== requestId) return;
    if (ok) showFeedback(false, "Thank you, it is counted.", thumb);
    // Only where nothing was answered can a second try help.
    else showFeedback(status === 0, `Not counted: ${detail}`, status === 0 ? null : thumb);
  });
}

// Say at once, and not after somebody has typed, that no model is there; and when it is.
async function watchForModel() {
  const { ok, answer } = await ask("health");
  if (answered) return;
  if (ok) summary.replaceChildren(ready);
  else {
    if (answer.detail && answer.detail !== noModel) showError(noModel = answer.detail);
    setTimeout(watchForModel, RETRY_MILLISECONDS);
  }
}
watchForModel();
