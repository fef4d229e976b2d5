// The push service of the npm package "web-push-testing" on a free port of loopback; tells the port as a JSON line.
"use strict";

const net = require("node:net");

const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function onLoopback(port, done) {
  return listen.call(this, { port, host: "127.0.0.1" }, done);
};

const { PushApiModel } = require("web-push-testing/src/PushApiModel.js");
const TestingServer = require("web-push-testing/src/server.js");

const told = console.log;
console.log = () => {}; // it is chatty, and standard output is for the line below
const model = new PushApiModel();
const server = new TestingServer(model, 0);
server.startServer();
server._server.once("listening", () => {
  const { port } = server._server.address();
  model.notifyUrl = `http://127.0.0.1:${port}/notify/`;
  told(JSON.stringify({ event: "listening", port }));
});
