// Talks to the server that this page came from, and to nobody else.

const KEY = "onedepth-token";

/** An answer other than 200; its message is for people. */
export class Refused extends Error {
  constructor(status, message) { super(message); this.status = status; }
}

function headers() {
  const token = sessionStorage.getItem(KEY);
  return token ? { Authorization: `Bearer ${token}` } : {};
}

async function askForToken() {
  const dialog = document.querySelector("dialog.ask");
  dialog.querySelector(".small").hidden = sessionStorage.getItem(KEY) === null; // the one that is kept was refused
  sessionStorage.removeItem(KEY);
  const input = dialog.querySelector("input");
  input.value = "";
  dialog.showModal();
  await new Promise(done => dialog.addEventListener("close", done, { once: true }));
  if (dialog.returnValue === "ok" && input.value) sessionStorage.setItem(KEY, input.value);
  return dialog.returnValue === "ok";
}

async function request(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: headers() });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server cannot be reached.");
  }
  if (answer.status === 401 && await askForToken()) return request(path, options);
  if (answer.ok) return answer;
  const text = await answer.json().then(found => found.error, () => answer.statusText);
  throw new Refused(answer.status, text);
}

/** Name, kind and limits of the model. */
export async function model() { return (await request("/v1/model")).json(); }

/** Colours from far to near: 256 rows of three. */
export async function colours() { return (await request("/colormap.json")).json(); }

/** The photo's depth in some format: {data: ArrayBuffer, facts, type, name}. */
export async function depth(photo, query, signal) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const answer = await request(`/v1/depth?${new URLSearchParams(given)}`, { method: "POST", body: photo, signal });
  const facts = answer.headers.get("OneDepth-Facts");
  const name = /filename="([^"]+)"/.exec(answer.headers.get("Content-Disposition"))?.[1] ?? "depth";
  return {
    data: await answer.arrayBuffer(), facts: facts && JSON.parse(facts), type: answer.headers.get("Content-Type"), name,
  };
}
