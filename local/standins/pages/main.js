"use strict";

const PATIENCE = 20000; // ms that a step may take
const TILE =
  "/geoserver/ows?service=WMS&version=1.1.1&request=GetMap&layers=otakaro:flood&styles=" +
  "&srs=EPSG:4326&format=image/png&width=128&height=128&bbox=";
const map = document.getElementById("map");

// Each step is shown as <li id="step-NAME" data-outcome="ok|failed">.
function step(name, work) {
  const line = document.createElement("li");
  line.id = "step-" + name;
  line.textContent = name;
  document.getElementById("steps").append(line);
  const late = new Promise((_, fail) => setTimeout(() => fail(new Error("no answer")), PATIENCE));
  return Promise.race([Promise.resolve().then(work), late]).then(
    (told) => show(line, "ok", told),
    (error) => show(line, "failed", error.message || String(error)),
  );
}

function show(line, outcome, told) {
  line.dataset.outcome = outcome;
  line.textContent += ": " + told;
  return outcome === "ok";
}

async function answered(url, options) {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error("status " + answer.status);
  return answer;
}

function picture(url, crossOrigin) {
  return new Promise((done, fail) => {
    const image = new Image();
    if (crossOrigin) image.crossOrigin = "anonymous";
    image.onload = () => done(image);
    image.onerror = () => fail(new Error("not loaded"));
    image.src = url;
    map.append(image);
  });
}

function message(target, wanted) {
  return new Promise((done, fail) => {
    target.addEventListener("message", (event) => event.data === wanted && done(wanted));
    target.addEventListener("error", () => fail(new Error("did not start")));
  });
}

async function main() {
  const outcomes = [];
  let config = {};
  outcomes.push(
    await step("config", async () => {
      config = await (await answered("/config.json")).json();
      return "read";
    }),
  );
  const api = config.api;
  const geoserver = config.geoserver;
  document.getElementById("download").href = api + "/models/1";
  const process = (kind, body) => async () => {
    const options = { method: "POST", headers: { "Content-Type": kind }, body };
    return (await (await answered(api + "/wps", options)).json()).result;
  };
  const steps = {
    init: async () => (await (await answered("/init/otakaro.json")).json()).catalog[0].name,
    capabilities: async () => {
      const url = geoserver + "/geoserver/ows?service=WMS&version=1.3.0&request=GetCapabilities";
      const text = await (await answered(url)).text();
      const names = new DOMParser().parseFromString(text, "text/xml").querySelectorAll("Layer > Name");
      if (!names.length) throw new Error("no layers");
      return names[0].textContent;
    },
    tile: async () => (await picture(geoserver + TILE + "172,-44,173,-43", false)).naturalWidth + " pixels",
    "tile-cors": async () => {
      const image = await picture(geoserver + TILE + "173,-44,174,-43", true);
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 128;
      map.append(canvas);
      const context = canvas.getContext("2d");
      context.drawImage(image, 0, 0);
      return "pixel " + context.getImageData(64, 64, 1, 1).data.slice(0, 3).join(" ");
    },
    api: async () => (await (await answered(api + "/")).text()).trim(),
    "wps-json": process("application/json", '{"inputs": {}}'),
    "wps-xml": process("application/xml", "<wps:Execute/>"),
    download: async () => {
      const answer = await answered(api + "/models/1");
      return (await answer.blob()).size + " bytes";
    },
    worker: async () => {
      const blob = new Blob(["postMessage('worker')"], { type: "text/javascript" });
      const worker = new Worker(URL.createObjectURL(blob));
      return message(worker, "worker");
    },
    frame: async () => {
      const frame = document.createElement("iframe");
      const heard = message(window, "frame");
      frame.src = "/help.html";
      map.append(frame);
      return heard;
    },
    inline: async () => {
      if (window.inlineScript !== "ran") throw new Error("did not run");
      return "ran";
    },
    evaluation: async () => new Function("return 'evaluated'")(),
    style: async () => {
      const font = getComputedStyle(document.body).fontFamily;
      if (font !== "sans-serif") throw new Error("not applied");
      return font;
    },
  };
  outcomes.push(...(await Promise.all(Object.entries(steps).map(([name, work]) => step(name, work)))));
  const failed = outcomes.filter((ok) => !ok).length;
  const summary = document.getElementById("summary");
  summary.textContent = outcomes.length - failed + " of " + outcomes.length + " worked";
  summary.dataset.failed = failed;
  document.body.dataset.done = "true";
}

main();
