// The usual Basic Auth function in JavaScript, as guides and answers show it; for comparison only.
"use strict";

const user = "visitor";
const password = "a password of the usual length";

exports.handler = (event, context, callback) => {
  const request = event.Records[0].cf.request;
  const headers = request.headers;
  const expected = "Basic " + Buffer.from(user + ":" + password).toString("base64");
  if (typeof headers.authorization === "undefined" || headers.authorization[0].value !== expected) {
    callback(null, {
      status: "401",
      statusDescription: "Unauthorized",
      body: "Unauthorized",
      headers: { "www-authenticate": [{ key: "WWW-Authenticate", value: "Basic" }] },
    });
    return;
  }
  callback(null, request);
};
