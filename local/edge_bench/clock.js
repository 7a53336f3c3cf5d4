// Times the usual handler of the edge, as clock.py does: what `local.bench_edge` starts.
// Arguments: the handler's file, rounds; events as JSON on standard input.
"use strict";

const crypto = require("crypto");
const fs = require("fs");

const usual = require(process.argv[2]).handler;
const credentials = Buffer.from("visitor:a password of the usual length");
const handlers = {
  usual,
  floor: (event, context, callback) => {
    const request = event.Records[0].cf.request;
    crypto.createHash("sha256").update(credentials).digest();
    callback(null, request);
  },
  nothing: () => {},
};
const texts = JSON.parse(fs.readFileSync(0, "utf8"));
const times = { usual: [], floor: [], nothing: [] };
for (let round = 0; round < Number(process.argv[3]); round++) {
  for (const text of texts) {
    for (const name of Object.keys(handlers)) {
      const event = JSON.parse(text);
      const began = process.hrtime.bigint();
      handlers[name](event, null, () => {});
      times[name].push(Number(process.hrtime.bigint() - began));
    }
  }
}
const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const own = median(times.nothing);
console.log(JSON.stringify({ usual: median(times.usual) - own, floor: median(times.floor) - own }));
