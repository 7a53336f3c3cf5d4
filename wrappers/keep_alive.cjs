// Loaded before terriajs-server (NODE_OPTIONS=--require): how long its connections stay open.
//
// Node.js closes a connection that was idle for 5 seconds (http.Server, keepAliveTimeout), which
// neither an environment variable nor an argument of terriajs-server changes. A load balancer that
// sends a request on it in that moment returns 502.
"use strict";

const http = require("node:http");

const milliseconds = Number(process.env.KEEP_ALIVE_SECONDS) * 1000;
const listen = http.Server.prototype.listen;
if (milliseconds > 0) {
  http.Server.prototype.listen = function (...address) {
    this.keepAliveTimeout = milliseconds;
    // In older releases this time-out runs while a connection is idle (nodejs/node#27363).
    this.headersTimeout = milliseconds + 1000;
    return listen.apply(this, address);
  };
}
