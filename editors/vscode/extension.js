// Start `espnet3-compile lsp` and hand it the YAML and Python files of the workspace.
const vscode = require("vscode");
const { LanguageClient, TransportKind } = require("vscode-languageclient/node");

let client;

function serverCommand() {
  const folder = vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? "";
  const words = vscode.workspace.getConfiguration("espnet3-compile").get("command");
  return words.map((word) => word.replaceAll("${workspaceFolder}", folder));
}

async function start() {
  const [command, ...args] = serverCommand();
  const server = { command, args, transport: TransportKind.stdio };
  client = new LanguageClient("espnet3-compile", "espnet3-compile", server, {
    documentSelector: [
      { scheme: "file", language: "yaml" },
      { scheme: "file", language: "python" },
    ],
    synchronize: { fileEvents: vscode.workspace.createFileSystemWatcher("**/*.{yaml,yml,py}") },
  });
  try {
    await client.start();
  } catch (error) {
    vscode.window.showErrorMessage(
      `espnet3-compile: "${command} ${args.join(" ")}" does not start: ${error.message}. ` +
        'Install it with the extra lsp (see docs/editors.md), or set espnet3-compile.command.',
    );
  }
}

async function stop() {
  const running = client;
  client = undefined;
  if (running?.isRunning()) await running.stop();
}

async function activate(context) {
  context.subscriptions.push(
    vscode.commands.registerCommand("espnet3-compile.restart", async () => {
      await stop();
      await start();
    }),
  );
  await start();
}

module.exports = { activate, deactivate: stop };
