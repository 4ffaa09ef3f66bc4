// Start a language server as the library of VS Code does, open a text, and print its findings.
// node vscode_client.js FOLDER-OF-MODULES FILE TEXT COMMAND …
const { spawn } = require("node:child_process");
const { createRequire } = require("node:module");
const { pathToFileURL } = require("node:url");

const [modules, file, text, command, ...words] = process.argv.slice(2);
const load = createRequire(`${modules}/extension.js`);
const protocol = load("vscode-languageserver-protocol/node");

async function main() {
  const server = spawn(command, words, { stdio: ["pipe", "pipe", "inherit"] });
  const connection = protocol.createProtocolConnection(
    new protocol.StreamMessageReader(server.stdout),
    new protocol.StreamMessageWriter(server.stdin),
  );
  const uri = pathToFileURL(file).href;
  const found = new Promise((resolve) => {
    connection.onNotification(protocol.PublishDiagnosticsNotification.type, (params) => {
      if (params.uri === uri) resolve(params.diagnostics);
    });
  });
  connection.listen();
  const general = { positionEncodings: ["utf-16"] };
  await connection.sendRequest(protocol.InitializeRequest.type, {
    processId: process.pid,
    rootUri: null,
    capabilities: { general },
  });
  await connection.sendNotification(protocol.InitializedNotification.type, {});
  await connection.sendNotification(protocol.DidOpenTextDocumentNotification.type, {
    textDocument: { uri, languageId: "yaml", version: 1, text },
  });
  const diagnostics = await found;
  const actions = await connection.sendRequest(protocol.CodeActionRequest.type, {
    textDocument: { uri },
    range: diagnostics[0].range,
    context: { diagnostics },
  });
  console.log(JSON.stringify({ diagnostics, actions }));
  await connection.sendRequest(protocol.ShutdownRequest.type);
  await connection.sendNotification(protocol.ExitNotification.type);
  connection.end();
  server.on("exit", (code) => process.exit(code));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
